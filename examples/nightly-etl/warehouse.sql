-- The tables of the warehouse. To be run once, as the user that the job connects as: psql "$WAREHOUSE_URL" -f warehouse.sql
create schema if not exists millrace;

-- One row an event; the columns are those of the export. Add indexes and columns of your own as you need them.
create table millrace.events (
  workspace text not null,
  feed text not null,
  -- 1, 2, 3 … in its feed; null where the token is bound to tenants
  position bigint,
  atom_id text not null,
  event_type text,
  tenant text,
  categories text[] not null,
  -- what the publisher says; null too where it is a year that Postgres has no timestamp for
  published timestamptz,
  updated timestamptz,
  -- when the server recorded it
  recorded_at timestamptz not null,
  -- entry, revision or tombstone
  kind text not null,
  schema_version integer,
  content_type text,
  content_xml text,
  -- json, not jsonb: it is kept to the letter, and nothing that a publisher may write is refused
  content_json json
);

-- With the time: where the server's database was put back to a backup, positions are given a second time.
create unique index events_once on millrace.events (workspace, feed, position, recorded_at);
create index events_by_time on millrace.events (recorded_at);

-- One row a load, written in the same transaction as its events. The newest one's token is where the next load begins.
create table millrace.loads (
  load bigint generated always as identity primary key,
  loaded_at timestamptz not null default now(),
  -- the selection that the token is of
  feeds text not null,
  after text not null,
  rows bigint not null,
  -- everything recorded until then is in events
  until timestamptz,
  -- what was gone before it could be loaded: [{"workspace", "feed", "entries", "atMost"}, …]
  lost jsonb not null
);
