-- What was used of each limit on use, as far as the nodes have told each other. Nothing that must survive a crash: after one every
-- bucket is full.
create unlogged table rates (
  -- the limit, and whom it counts: `read token:4f1c…`
  key text collate "C" primary key,
  -- when its bucket will be full again; from then on the row says nothing more
  full_at timestamptz not null
);
