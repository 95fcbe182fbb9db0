-- What somebody pulls batch by batch under a name, so that a warehouse need not keep a place (docs/adr/0013).
create table exports (
  name text collate "C" primary key,
  -- of this export, and not of another that had its name before
  export_id uuid not null default gen_random_uuid(),
  -- workspace/feed, workspace/* or *
  feeds text[] not null,
  format text not null,
  -- null: all that there are
  columns text[],
  -- positions in a batch, at most
  batch_rows int not null,
  -- where it was made to begin; null: at the beginning of the log
  from_time timestamptz,
  -- the place up to which all was acknowledged: the epoch in which it was given out, and when its tick was
  epoch text not null,
  tick bigint not null,
  feed_id int not null,
  position bigint not null,
  recorded_at timestamptz,
  -- {"epoch": …, "number": …} of the last batch that was acknowledged
  acknowledged jsonb,
  acknowledged_at timestamptz,
  -- how many batches were ever planned: no number is used twice, not even that of a batch that was dropped
  newest_batch bigint not null default 0,
  -- the batch that waits to be acknowledged, as it was planned (src/core/named-export.ts)
  pending jsonb,
  -- grows with each change of the row
  revision bigint not null default 1,
  created_at timestamptz not null default now()
);
