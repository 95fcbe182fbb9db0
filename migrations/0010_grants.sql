-- What principals that bring no grants of ours (JWTs, Keystone), or not enough (users), may do in a workspace.
create table grants (
  workspace text collate "C" not null,
  -- jwt:…, keystone:… or user:…
  principal text collate "C" not null,
  -- as those of tokens, without the workspace
  grants jsonb not null,
  granted_at timestamptz not null default now(),
  granted_by text not null,
  primary key (workspace, principal)
);

-- For who comes in.
create index grants_of_principal on grants (principal);
