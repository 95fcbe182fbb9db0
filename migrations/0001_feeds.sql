-- Workspaces and feeds, by the names in their URLs. No publish locks these rows: what it locks are `heads`.
create table workspaces (
  name text collate "C" primary key,
  title text
);

create table feeds (
  feed_id int generated always as identity primary key,
  partition_id smallint not null default 0,
  workspace text collate "C" not null,
  name text collate "C" not null,
  -- urn:uuid of the feed; a new one each time that a deleted feed's name is used again
  atom_id text collate "C" not null,
  settings jsonb not null,
  settings_version int not null default 1,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (workspace, name)
);

-- What the server itself must remember, such as the digest of the admin token made at the first start.
create table server_settings (
  name text primary key,
  value jsonb not null
);
