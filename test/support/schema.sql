create table audit_outbox (
  place bigint not null generated always as identity,
  entry_id uuid not null,
  recorded_at timestamp with time zone not null default now(),
  record json not null,
  constraint audit_outbox_entry_id_key UNIQUE (entry_id),
  constraint audit_outbox_pkey PRIMARY KEY (place)
);

create table clocks (
  partition_id smallint not null,
  epoch uuid not null default gen_random_uuid(),
  common_tick bigint not null default 0,
  identity text not null default ''::text,
  constraint clocks_pkey PRIMARY KEY (partition_id)
);

create table contracts (
  contract_id integer not null generated always as identity,
  feed_id integer not null,
  version integer not null,
  feed_atom_id text collate "C" not null,
  kind text not null,
  contract text not null,
  created_at timestamp with time zone not null default now(),
  retired_at timestamp with time zone,
  has_private boolean not null,
  columns jsonb,
  constraint contracts_feed_id_version_key UNIQUE (feed_id, version),
  constraint contracts_pkey PRIMARY KEY (contract_id)
);

create table entries (
  partition_id smallint not null,
  feed_id integer not null,
  "position" bigint not null,
  kind smallint not null,
  octets integer not null,
  atom_key uuid not null,
  atom_id text collate "C" not null,
  terms text[] collate "C" not null,
  xml text not null,
  schema_version integer,
  constraint entries_pkey PRIMARY KEY (partition_id, feed_id, "position")
) with (autovacuum_vacuum_insert_scale_factor=0.02, toast_tuple_target=8160);

create table entry_terms (
  partition_id smallint not null,
  feed_id integer not null,
  term text collate "C" not null,
  last_position bigint not null,
  earlier bigint[],
  constraint entry_terms_pkey PRIMARY KEY (partition_id, feed_id, term, last_position)
) with (autovacuum_vacuum_insert_scale_factor=0.02);

create table epochs (
  partition_id smallint not null,
  epoch uuid not null,
  common_tick bigint not null,
  ended_at timestamp with time zone not null default now(),
  constraint epochs_pkey PRIMARY KEY (partition_id, epoch)
);

create table export_dead_letters (
  export_id uuid not null,
  letter_id bigint not null generated always as identity,
  feed_id integer not null,
  "position" bigint not null,
  kind text not null,
  atom_id text not null,
  schema_version integer,
  recorded_at timestamp with time zone not null,
  xml text not null,
  reason text not null,
  batch text not null,
  refused_at timestamp with time zone not null default now(),
  replay text,
  constraint export_dead_letters_export_id_feed_id_position_key UNIQUE (export_id, feed_id, "position"),
  constraint export_dead_letters_export_id_fkey FOREIGN KEY (export_id) REFERENCES exports(export_id) ON DELETE CASCADE,
  constraint export_dead_letters_pkey PRIMARY KEY (export_id, letter_id)
);

create table export_parts (
  export_id uuid not null,
  feed_id integer not null,
  date date not null,
  batch text collate "C" not null,
  rows integer not null,
  told boolean not null default false,
  constraint export_parts_export_id_fkey FOREIGN KEY (export_id) REFERENCES exports(export_id) ON DELETE CASCADE,
  constraint export_parts_pkey PRIMARY KEY (export_id, feed_id, date, batch)
);

create table export_pushes (
  export_id uuid not null,
  node uuid,
  leased_until timestamp with time zone,
  failures integer not null default 0,
  failing_since timestamp with time zone,
  last_error text,
  next_try_at timestamp with time zone,
  pushed_at timestamp with time zone,
  lost bigint not null default 0,
  constraint export_pushes_export_id_fkey FOREIGN KEY (export_id) REFERENCES exports(export_id) ON DELETE CASCADE,
  constraint export_pushes_pkey PRIMARY KEY (export_id)
);

create table exports (
  name text collate "C" not null,
  export_id uuid not null default gen_random_uuid(),
  feeds text[] not null,
  format text not null,
  columns text[],
  batch_rows integer not null,
  from_time timestamp with time zone,
  epoch text not null,
  tick bigint not null,
  feed_id integer not null,
  "position" bigint not null,
  recorded_at timestamp with time zone,
  acknowledged jsonb,
  acknowledged_at timestamp with time zone,
  newest_batch bigint not null default 0,
  pending jsonb,
  revision bigint not null default 1,
  created_at timestamp with time zone not null default now(),
  column_types jsonb,
  target text,
  every_seconds integer,
  constraint exports_by_id UNIQUE (export_id),
  constraint exports_pkey PRIMARY KEY (name)
);

create table feed_usage (
  partition_id smallint not null,
  feed_id integer not null,
  counted_to bigint not null default 0,
  octets bigint not null default 0,
  constraint feed_usage_pkey PRIMARY KEY (partition_id, feed_id)
);

create table feeds (
  feed_id integer not null generated always as identity,
  partition_id smallint not null default 0,
  workspace text collate "C" not null,
  name text collate "C" not null,
  atom_id text collate "C" not null,
  settings jsonb not null,
  settings_version integer not null default 1,
  created_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  restorable_until timestamp with time zone,
  constraint feeds_pkey PRIMARY KEY (feed_id),
  constraint feeds_workspace_name_key UNIQUE (workspace, name)
);

create table grants (
  workspace text collate "C" not null,
  principal text collate "C" not null,
  grants jsonb not null,
  granted_at timestamp with time zone not null default now(),
  granted_by text not null,
  constraint grants_pkey PRIMARY KEY (workspace, principal)
);

create table heads (
  partition_id smallint not null,
  feed_id integer not null,
  first_kept bigint not null default 1,
  page_size integer not null,
  constraint heads_pkey PRIMARY KEY (partition_id, feed_id)
);

create table members (
  partition_id smallint not null,
  feed_id integer not null,
  atom_key uuid not null,
  "position" bigint not null,
  first_position bigint not null,
  first_digest uuid not null,
  editable boolean not null,
  deleted boolean not null default false,
  constraint members_pkey PRIMARY KEY (partition_id, feed_id, atom_key)
);

create table migrations (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default now(),
  constraint migrations_pkey PRIMARY KEY (version)
);

create unlogged table rates (
  key text collate "C" not null,
  full_at timestamp with time zone not null,
  constraint rates_pkey PRIMARY KEY (key)
);

create table server_settings (
  name text not null,
  value jsonb not null,
  constraint server_settings_pkey PRIMARY KEY (name)
);

create table tenant_losses (
  partition_id smallint not null,
  feed_id integer not null,
  tenant text collate "C" not null,
  last_position bigint not null,
  constraint tenant_losses_pkey PRIMARY KEY (partition_id, feed_id, tenant)
);

create table ticks (
  partition_id smallint not null,
  tick bigint not null,
  feed_id integer not null,
  first_position bigint not null,
  last_position bigint not null,
  recorded_at timestamp with time zone not null,
  constraint ticks_pkey PRIMARY KEY (partition_id, tick, feed_id)
);

create table tokens (
  token_id text collate "C" not null,
  name text not null,
  digest bytea not null,
  grants jsonb not null,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  constraint tokens_pkey PRIMARY KEY (token_id)
);

create table users (
  name text collate "C" not null,
  password text not null,
  grants jsonb not null,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  constraint users_pkey PRIMARY KEY (name)
);

create table workspaces (
  name text collate "C" not null,
  title text,
  quotas jsonb not null default '{}'::jsonb,
  constraint workspaces_pkey PRIMARY KEY (name)
);

CREATE INDEX export_parts_untold ON public.export_parts USING btree (export_id, date, feed_id) WHERE (NOT told);

CREATE INDEX grants_of_principal ON public.grants USING btree (principal);

CREATE UNIQUE INDEX members_editable ON public.members USING btree (partition_id, feed_id, "position") WHERE editable;

CREATE UNIQUE INDEX ticks_by_position ON public.ticks USING btree (partition_id, feed_id, last_position) INCLUDE (first_position, tick, recorded_at);

CREATE INDEX ticks_by_time ON public.ticks USING btree (partition_id, feed_id, recorded_at);

CREATE OR REPLACE PROCEDURE public.publish_batch(IN p_partition smallint, IN p_node_time timestamp with time zone, IN p_feeds integer[], IN p_feed_atom_ids text[], IN p_first_kept bigint[], IN p_heads bigint[], IN p_firsts bigint[], IN p_lasts bigint[], IN p_editable_feeds integer[], IN p_entry_feeds integer[], IN p_positions bigint[], IN p_octets integer[], IN p_keys uuid[], IN p_digests uuid[], IN p_atom_ids text[], IN p_terms text[], IN p_xml text[], IN p_schema_versions integer[], IN p_list_feeds integer[], IN p_list_terms text[], IN p_list_lasts bigint[], IN p_list_earlier text[], OUT o_epoch uuid, OUT o_tick bigint, OUT o_recorded_at timestamp with time zone)
 LANGUAGE plpgsql
AS $procedure$
begin
  if cardinality(p_feeds) = 0 then
    return;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'a batch is written at the isolation level read committed';
  end if;

  perform
     from heads
    where partition_id = p_partition
      and feed_id = any(p_feeds)
    order by feed_id
      for no key update;

  -- With `limit 1` the planner keeps to this order: it plans once, maybe while the tables are empty, and would then read
  -- all of a partition for each batch.
  perform
     from unnest(p_feeds, p_feed_atom_ids, p_first_kept, p_heads) as e (feed_id, atom_id, first_kept, head)
     left join lateral (
       select first_kept from heads where partition_id = p_partition and feed_id = e.feed_id limit 1) h on true
     left join lateral (
       select atom_id from feeds where feed_id = e.feed_id and deleted_at is null limit 1) f on true
     left join lateral (
       select last_position
         from ticks
        where partition_id = p_partition and feed_id = e.feed_id
        order by last_position desc
        limit 1) t on true
    where h.first_kept is distinct from e.first_kept
       or f.atom_id is distinct from e.atom_id
       or coalesce(t.last_position, 0) <> e.head
    union all
   select
     from unnest(p_entry_feeds, p_keys) as k (feed_id, atom_key)
    cross join lateral (
       select from members where partition_id = p_partition and feed_id = k.feed_id and atom_key = k.atom_key limit 1) m;
  if found then
    raise exception 'a feed is not as the node remembers it, or an id is taken' using errcode = 'MR002';
  end if;

  insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml, schema_version)
  select p_partition, feed_id, position, 0, octets, atom_key, atom_id, string_to_array(terms, E'\x01'), xml,
         nullif(schema_version, 0)
    from unnest(p_entry_feeds, p_positions, p_octets, p_keys, p_atom_ids, p_terms, p_xml, p_schema_versions)
      as e (feed_id, position, octets, atom_key, atom_id, terms, xml, schema_version);

  insert into members (partition_id, feed_id, atom_key, position, first_position, first_digest, editable)
  select p_partition, feed_id, atom_key, position, position, digest, feed_id = any(p_editable_feeds)
    from unnest(p_entry_feeds, p_positions, p_keys, p_digests) as e (feed_id, position, atom_key, digest);

  insert into entry_terms (partition_id, feed_id, term, last_position, earlier)
  select p_partition, feed_id, term, last_position, nullif(earlier, '')::bigint[]
    from unnest(p_list_feeds, p_list_terms, p_list_lasts, p_list_earlier) as l (feed_id, term, last_position, earlier);

  -- As take_tick does it, in fewer steps: a batch of one entry is mostly steps.
  select epoch into strict o_epoch from clocks where partition_id = p_partition for no key update;
  with n as (
    select coalesce(max(tick), 0) + 1 as tick, greatest(clock_timestamp(), max(recorded_at)) as recorded_at
      from (select tick, recorded_at from ticks where partition_id = p_partition order by tick desc limit 1) newest),
  written as (
    insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
    select p_partition, n.tick, feed_id, first_position, last_position, n.recorded_at
      from n, unnest(p_feeds, p_firsts, p_lasts) as f (feed_id, first_position, last_position))
  select tick, recorded_at into o_tick, o_recorded_at from n;
  if abs(extract(epoch from o_recorded_at - p_node_time)) > 60 then
    raise exception 'the clock stands at %, the node says %', o_recorded_at, p_node_time using errcode = 'MR001';
  end if;
  commit;
end
$procedure$;

CREATE OR REPLACE FUNCTION public.take_tick(p_partition smallint, p_feeds integer[], p_first bigint[], p_last bigint[], p_node_time timestamp with time zone)
 RETURNS TABLE(epoch uuid, tick bigint, recorded_at timestamp with time zone)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
declare
  v_epoch uuid;
  v_tick bigint;
  v_newest timestamptz;
  v_now timestamptz;
begin
  select c.epoch into strict v_epoch from clocks c where c.partition_id = p_partition for no key update;
  v_now := clock_timestamp();
  select t.tick, t.recorded_at into v_tick, v_newest
    from ticks t
   where t.partition_id = p_partition
   order by t.tick desc
   limit 1;
  v_now := greatest(v_now, v_newest);
  if abs(extract(epoch from v_now - p_node_time)) > 60 then
    raise exception 'the clock stands at %, the node says %', v_now, p_node_time using errcode = 'MR001';
  end if;
  v_tick := coalesce(v_tick, 0) + 1;
  if cardinality(p_feeds) = 0 then
    insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
    values (p_partition, v_tick, 0, v_tick, v_tick, v_now);
  else
    insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
    select p_partition, v_tick, r.feed_id, r.first_position, r.last_position, v_now
      from unnest(p_feeds, p_first, p_last) as r (feed_id, first_position, last_position);
  end if;
  return query select v_epoch, v_tick, v_now;
end
$function$;
