-- Where a named export is pushed to by itself (docs/adr/0017).
alter table exports
  -- a name in TARGETS_FILE; null: it is pulled
  add column target text,
  -- rows wait so long for others to come along; null: as is usual for the target
  add column every_seconds int,
  add constraint exports_by_id unique (export_id);

-- How it goes. One node at a time pushes an export: that saves work, and what is stored would be right without it.
create table export_pushes (
  export_id uuid primary key references exports (export_id) on delete cascade,
  -- who pushes now, and until when nobody else does
  node uuid,
  leased_until timestamptz,
  -- since something was stored
  failures int not null default 0,
  failing_since timestamptz,
  last_error text,
  next_try_at timestamptz,
  pushed_at timestamptz,
  -- entries that retention, or the deletion of their feeds, took before they were pushed
  lost bigint not null default 0
);

-- What was stored of each feed and day (UTC, by recorded_at), by the keys of batches. It is what is told when a day is over.
create table export_parts (
  export_id uuid not null references exports (export_id) on delete cascade,
  feed_id int not null,
  date date not null,
  batch text collate "C" not null,
  rows int not null,
  -- with the end of the day
  told boolean not null default false,
  primary key (export_id, feed_id, date, batch)
);
create index export_parts_untold on export_parts (export_id, date, feed_id) where not told;

-- Entries that a target has refused for what is in them, whole: retention may take them from the log.
create table export_dead_letters (
  export_id uuid not null references exports (export_id) on delete cascade,
  letter_id bigint generated always as identity,
  feed_id int not null,
  position bigint not null,
  kind text not null,
  atom_id text not null,
  schema_version int,
  recorded_at timestamptz not null,
  xml text not null,
  reason text not null,
  -- in which it was refused
  batch text not null,
  refused_at timestamptz not null default now(),
  -- the key of the batch by which it is to be stored again; null: it lies here
  replay text,
  primary key (export_id, letter_id),
  unique (export_id, feed_id, position)
);
