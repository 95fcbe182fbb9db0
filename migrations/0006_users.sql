-- Whoever comes with a name and a password (HTTP Basic, RFC 7617).
create table users (
  name text collate "C" primary key,
  -- as $scrypt$ln=…,r=…,p=…$salt$hash
  password text not null,
  -- as those of tokens
  grants jsonb not null,
  created_at timestamptz not null default now(),
  created_by text not null
);
