-- Bearer tokens of our own. What is kept of one is its digest: it is shown when it is made, and never again.
create table tokens (
  token_id text collate "C" primary key,
  name text not null,
  -- SHA-256: the token is random, so that nothing slower is needed
  digest bytea not null,
  -- [{"role": "reader", "workspace": "shop", "feed": "orders"}]
  grants jsonb not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  -- exact to a minute
  last_used_at timestamptz
);
