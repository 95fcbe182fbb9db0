-- What the admin lets a workspace have: {"feeds": n, "entriesPerDay": n, "bytes": n}, each of them or none.
alter table workspaces add column quotas jsonb not null default '{}';

-- Of a deleted feed: until then it can be brought back with all that it holds. Null: it cannot, and its floor stands behind
-- its last entry.
alter table feeds add column restorable_until timestamptz;

-- How many octets of a feed's entries were counted, up to which position. Only of workspaces with a quota of bytes: what
-- lies behind `counted_to` is counted when it is asked for, and written down here now and then. Whoever deletes entries has
-- the row locked, and takes theirs off.
create table feed_usage (
  partition_id smallint not null,
  feed_id int not null,
  counted_to bigint not null default 0,
  octets bigint not null default 0,
  primary key (partition_id, feed_id)
);
