-- The workspace `system` is the server's own from now on: whoever may do something in one of that name could read what is none of theirs.
do $$
begin
  if exists (select from workspaces where name = 'system')
    or exists (select from feeds where workspace = 'system' and deleted_at is null)
    or exists (select from tokens where grants @> '[{"workspace": "system"}]' and revoked_at is null)
    or exists (select from users where grants @> '[{"workspace": "system"}]')
  then
    raise exception 'the workspace "system" is the server''s own from this version on, and there is one of that name, or a token or a user with a grant in it; with the version before, delete the workspace and revoke the grants (docs/audit.md)';
  end if;
end $$;

-- What was done and has not been published to system/audit yet: written in the transaction of the act itself.
create table audit_outbox (
  -- in this order they are published
  place bigint generated always as identity primary key,
  -- the atom:id of the entry
  entry_id uuid not null unique,
  recorded_at timestamptz not null default now(),
  -- what the entry tells (docs/audit.md)
  record json not null
);
