import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ExportedEntry } from '../../src/core/export.js';
import { makePostgresTarget } from '../../src/export/targets/postgres.js';
import type { StoredBatch, Target, TargetBatch } from '../../src/export/targets/target.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { bytesInTheHeap } from '../support/memory.js';
import { startProxy } from '../support/proxy.js';
import { until } from '../support/waiting.js';
import { rejection } from '../support/refusal.js';
import { aBatch, aSource, anExported } from '../support/target-batch.js';

describe('a Postgres warehouse', () => {
  let database: TestDatabase;
  let client: pg.Client;
  let target: Target;
  let targets: Target[];

  beforeEach(async () => {
    database = await createDatabase('empty');
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    targets = [];
    target = open();
  });

  afterEach(async () => {
    await Promise.all(targets.map((one) => one.stop()));
    await client.end();
    await database.drop();
  });

  function open(table = 'events', url = database.url): Target {
    const one = makePostgresTarget({ kind: 'postgres', url, table });
    targets.push(one);
    return one;
  }

  async function ask(sql: string): Promise<unknown[][]> {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;
  }

  const positions = (): Promise<unknown[][]> => ask('select feed, position::int from events order by 1, 2');
  const refusedOf = ({ poisoned }: StoredBatch): string[] =>
    poisoned.map(({ entry, reason }) => `${String(entry.position)}: ${reason}`);

  const messageOf = async (promise: Promise<unknown>): Promise<string> => (await rejection(promise)).message;

  /** Again and again, as the worker does. */
  async function storeAtLast(batch: TargetBatch, by = target): Promise<{ stored: StoredBatch; tries: number }> {
    for (let tries = 1; ; tries++) {
      const stored = await by.store(batch).catch(() => undefined);
      if (stored !== undefined) return { stored, tries };
      if (tries > 200) throw new Error('it never was stored');
    }
  }

  const many = (count: number, from = 1): ExportedEntry[] =>
    Array.from({ length: count }, (_, n) => anExported(from + n));
  const json = (text: string): string => `<content type="application/json">${text}</content>`;

  describe('of which nothing is there', () => {
    it('has null for a text of the content that Postgres cannot hold', async () => {
      const columns = [{ name: 'x_name', type: 'string', index: 0 } as const];
      const entries = [
        { ...anExported(1), values: ['a\0b'] },
        { ...anExported(2), values: ['ab'] },
      ];
      expect(await target.store(aBatch('b-1', entries, { columns }))).to.deep.equal({ rows: 2, poisoned: [] });
      expect(await ask('select x_name from events order by position')).to.deep.equal([[null], ['ab']]);
    });

    it('is given its tables, with the columns of the export in its types', async () => {
      const xml = `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:x:1</id><title>t</title><updated>0000-03-01T00:00:00Z</updated><published>2026-11-22T10:00:00.5+01:00</published><category term="type:a&quot;b\\c"/><category term="tid:7"/><category term=""/><category term="NULL"/><content type="application/json">{"a":"\\u0000 \\\\N\\ttab","b":[1.50]}</content></entry>`;
      const batch = aBatch(
        'b-1',
        [
          anExported(1, { xml }),
          anExported(2, { content: '<content type="application/xml"><a xmlns="urn:a">\r\n\t\\.\n</a></content>' }),
        ],
        {
          until: '2026-11-22T10:00:00.123456Z',
        },
      );
      expect(await target.store(batch)).to.deep.equal({ rows: 2, poisoned: [] });
      expect(
        await ask(`
          select workspace, feed, position, atom_id, event_type, tenant, categories, published at time zone 'UTC' = '2026-11-22 09:00:00.5',
                 updated = timestamptz '0001-03-01 00:00:00Z BC', recorded_at = timestamptz '2026-11-22 10:00:00.123456Z',
                 kind, schema_version, content_type, content_xml, content_json::text
            from events order by position`),
      ).to.deep.equal([
        [
          'shop',
          'orders',
          '1',
          'urn:x:1:1',
          'a"b\\c',
          '7',
          ['type:a"b\\c', 'tid:7', '', 'NULL'],
          true,
          true,
          true,
          'entry',
          null,
          'application/json',
          null,
          '{"a":"\\u0000 \\\\N\\ttab","b":[1.50]}',
        ],
        [
          'shop',
          'orders',
          '2',
          'urn:x:1:2',
          null,
          null,
          [],
          null,
          false,
          true,
          'entry',
          null,
          'application/xml',
          '<a xmlns="urn:a">\r\n\t\\.\n</a>',
          '{"a":{"@type":"urn:a","@text":"\\n\\t\\\\.\\n"}}',
        ],
      ]);
      expect(
        await ask(
          `select key, rows, refused, lost, until = timestamptz '2026-11-22 10:00:00.123456Z' from events_batches`,
        ),
      ).to.deep.equal([['b-1', '2', [], [], true]]);
    });

    it('has a table of its own for each that is named, with its schema, however the name is written', async () => {
      await client.query('create schema "Ware house"');
      await open('Ware house.the "events"').store(aBatch('b', many(2)));
      expect(await ask(`select count(*)::int from "Ware house"."the ""events"""`)).to.deep.equal([[2]]);
      expect(await ask(`select rows::int from "Ware house"."the ""events""_batches"`)).to.deep.equal([[2]]);
    });

    it('is not given a table whose name Postgres would cut off', () => {
      for (const name of ['a'.repeat(56), 'a.b.c', '', 'a.']) {
        expect(() => makePostgresTarget({ kind: 'postgres', url: database.url, table: name }), name).to.throw(
          'table or schema.table',
        );
      }
    });

    it('has the key of the rows, whatever columns the export has', async () => {
      await target.store(aBatch('b', many(1), { columns: ['content_type', 'kind'] }));
      expect(await ask('select * from events')).to.have.nested.property('[0].length', 6);
    });

    it('is made by two at the same time', async () => {
      const others = [open(), open(), open()];
      await Promise.all(
        [target, ...others].map((one, n) => storeAtLast(aBatch(`b-${String(n)}`, many(50, 1 + 50 * n)), one)),
      );
      expect(await ask('select count(*)::int, count(distinct position)::int from events')).to.deep.equal([[200, 200]]);
    });
  });

  describe('whose table somebody has made', () => {
    it('is filled as it is: more columns, other types, indexes, partitions', async () => {
      await client.query(`
        create table events (id bigint generated always as identity, recorded_at timestamptz not null, workspace varchar(100) not null,
          feed text not null, position numeric not null, "atom_id" text, loaded_at timestamptz default now(), categories jsonb, content_json jsonb,
          size int generated always as (length(atom_id)) stored,
          unique (position, recorded_at, feed, workspace)) partition by range (recorded_at);
        create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01')`);
      const columns = ['content_json', 'categories', 'atom_id'] as const;
      const stored = await target.store(aBatch('b', [anExported(1, { content: json('{"b":1}') })], { columns }));
      expect(stored.poisoned).to.deep.equal([]);
      expect(
        await ask('select id::int, position::int, size, categories, content_json, loaded_at is null from events'),
      ).to.deep.equal([[1, 1, 9, [], { b: 1 }, false]]);
    });

    it('is told which columns it lacks', async () => {
      await client.query(
        'create table events (workspace text, feed text, position bigint, recorded_at timestamptz, primary key (workspace, feed, position, recorded_at))',
      );
      expect(await messageOf(target.store(aBatch('b', many(1), { columns: ['kind', 'content_json'] })))).to.equal(
        'the table "events" has no column "kind", "content_json", which the export gives: alter table "events" add column "kind" text, add column "content_json" json, or leave it out of the export\'s columns',
      );
      await client.query('alter table "events" add column "kind" text, add column "content_json" json');
      expect(await target.store(aBatch('b', many(1), { columns: ['kind', 'content_json'] }))).to.include({ rows: 1 });
    });

    it('is told that nothing in it keeps each event once', async () => {
      await client.query(
        'create table events (workspace text, feed text, position bigint, recorded_at timestamptz, kind text)',
      );
      const batch = aBatch('b', many(1), { columns: ['kind'] });
      expect(await messageOf(target.store(batch))).to.contain(
        'create unique index on "events" (workspace, feed, position, recorded_at)',
      );
      await client.query('create unique index on "events" (workspace, feed, position, recorded_at)');
      expect(await target.store(batch)).to.include({ rows: 1 });
    });
  });

  describe('that is told the same again', () => {
    it('does nothing with a key that it has, also when somebody has moved the rows elsewhere', async () => {
      await target.store(aBatch('b', many(10)));
      await client.query('delete from events where position < 6');
      expect(await target.store(aBatch('b', many(10)))).to.deep.equal({ rows: 10, poisoned: [] });
      expect(await positions()).to.have.length(5);
    });

    it('has rows once that come under another key', async () => {
      await target.store(aBatch('b-1', many(10)));
      await target.store(aBatch('b-2', many(10, 5)));
      expect(await positions()).to.have.length(14);
      expect(await ask('select key, rows::int from events_batches order by 1')).to.deep.equal([
        ['b-1', 10],
        ['b-2', 10],
      ]);
    });

    it('keeps both where the log was put back and has given a position a second time', async () => {
      await target.store(aBatch('b-1', [anExported(1)]));
      await target.store(aBatch('b-2', [anExported(1, { recordedAt: '2026-11-23T00:00:00Z' })]));
      expect(await positions()).to.deep.equal([
        ['orders', 1],
        ['orders', 1],
      ]);
    });

    it('has each row once when several store one batch at the same time', async () => {
      const feeds = [aSource(1, 'orders'), aSource(2, 'bills')];
      const entries = many(300).flatMap((entry) => [entry, { ...entry, feed: 2 }]);
      const others = [open(), open(), open()];
      const stored = await Promise.all(
        [target, target, ...others].map((one) => storeAtLast(aBatch('b', entries, { feeds }), one)),
      );
      for (const one of stored) expect(one.stored).to.deep.equal({ rows: 600, poisoned: [] });
      expect(await ask('select count(*)::int from events')).to.deep.equal([[600]]);
      expect(await ask('select count(*)::int from events_batches')).to.deep.equal([[1]]);
    });
  });

  describe('that refuses rows', () => {
    it('gets all others, and says why: a check, jsonb, a domain, a trigger, a key, nesting', async () => {
      await client.query(`
        create domain short as varchar(9);
        create table events (workspace text, feed text, position bigint check (position <> 17), recorded_at timestamptz, atom_id short, content_json jsonb,
          primary key (workspace, feed, position, recorded_at), unique (atom_id));
        create function refuse() returns trigger language plpgsql as $$ begin if new.position = 40 then raise exception 'not 40'; end if; return new; end $$;
        create trigger refuse before insert on events for each row execute function refuse()`);
      const entries = many(60).map((entry) => ({ ...entry, atomId: `id-${String(entry.position)}` }));
      entries[4] = { ...anExported(5, { content: json('"\\u0000"') }), atomId: 'id-5' };
      entries[22] = { ...anExported(23), atomId: 'much too long' };
      entries[29] = { ...anExported(30), atomId: 'id-1' };
      entries[58] = { ...anExported(59, { content: json('['.repeat(9_000) + ']'.repeat(9_000)) }), atomId: 'id-59' };
      const batch = aBatch('b', entries, { columns: ['atom_id', 'content_json'] });
      const stored = await target.store(batch);
      const refused = refusedOf(stored);
      expect(refused.slice(0, 5)).to.deep.equal([
        '5: unsupported Unicode escape sequence (SQLSTATE 22P05)',
        '17: new row for relation "events" violates check constraint "events_position_check" (SQLSTATE 23514)',
        '23: value too long for type character varying(9) (SQLSTATE 22001)',
        '30: duplicate key value violates unique constraint "events_atom_id_key" (SQLSTATE 23505)',
        '40: not 40 (SQLSTATE P0001)',
      ]);
      expect(refused.slice(5).join()).to.match(/^(59: .*54001\))?$/);
      expect(stored.rows).to.equal(60 - refused.length);
      expect(await positions()).to.have.length(stored.rows);
      expect(refusedOf(await target.store(batch)), 'told again').to.deep.equal(refused);
      await client.query('drop trigger refuse on events');
      const replayed = await target.store(aBatch('replay-1', [entries[39]!], { columns: ['atom_id', 'content_json'] }));
      expect(replayed).to.deep.equal({ rows: 1, poisoned: [] });
      expect(await positions()).to.have.length(stored.rows + 1);
    });

    it('gets all others where no row can be made of one', async () => {
      const batch = aBatch('b', [anExported(1), anExported(2, { xml: 'no XML' }), anExported(3)]);
      const stored = await target.store(batch);
      expect(stored.rows).to.equal(2);
      expect(refusedOf(stored).join()).to.match(/^2: no row can be made of it: /);
      expect(refusedOf(await target.store(batch)), 'told again').to.deep.equal(refusedOf(stored));
    });

    it('refuses also what is only checked when a transaction ends', async () => {
      await client.query(`
        create table kinds (kind text primary key);
        insert into kinds values ('entry');
        create table events (workspace text, feed text, position bigint, recorded_at timestamptz, kind text references kinds deferrable initially deferred,
          primary key (workspace, feed, position, recorded_at))`);
      const entries = [
        anExported(1),
        {
          ...anExported(2),
          kind: 'tombstone' as const,
          xml: '<at:deleted-entry xmlns:at="http://purl.org/atompub/tombstones/1.0" ref="urn:x" when="2026-11-22T10:00:00Z"/>',
        },
        anExported(3),
      ];
      const stored = await target.store(aBatch('b', entries, { columns: ['kind'] }));
      expect(refusedOf(stored)).to.deep.equal([
        '2: insert or update on table "events" violates foreign key constraint "events_kind_fkey" (SQLSTATE 23503)',
      ]);
      expect(await positions()).to.deep.equal([
        ['orders', 1],
        ['orders', 3],
      ]);
    });

    it('is said to be unfit when it refuses more than a thousand of a batch, and has none of it as stored', async () => {
      await client.query(`create table events (workspace text, feed text, position bigint, recorded_at timestamptz, kind text, owner text not null,
        primary key (workspace, feed, position, recorded_at))`);
      const batch = aBatch('b', many(1_100), { columns: ['kind'] });
      expect(await messageOf(target.store(batch))).to.match(
        /too many to be put aside.*null value in column "owner".*23502/,
      );
      expect(await ask('select count(*)::int from events_batches')).to.deep.equal([[0]]);
      await client.query('alter table events alter column owner drop not null');
      expect(await target.store(batch)).to.deep.equal({ rows: 1_100, poisoned: [] });
    }).timeout(60_000);
  });

  describe('that breaks', () => {
    it('has each row once, and has refused the same, however often its connections are ended', async () => {
      await client.query(`create table events (workspace text, feed text, position bigint, recorded_at timestamptz, kind text, check (position % 50 <> 0),
        primary key (workspace, feed, position, recorded_at))`);
      let ended = 0;
      for (let n = 0; n < 20; n++) {
        const batch = aBatch(`b-${String(n)}`, many(200, 1 + 200 * n), { columns: ['kind'] });
        let kills = 4;
        const killer = (async () => {
          while (kills-- > 0) {
            await sleep(Math.random() * 25);
            const killed = await ask(
              `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'millrace' and datname = current_database()`,
            );
            ended += killed.length;
          }
        })();
        const { stored } = await storeAtLast(batch);
        kills = 0;
        await killer;
        expect(stored.rows).to.equal(196);
        expect(stored.poisoned.map(({ entry }) => Number(entry.position) % 50)).to.deep.equal([0, 0, 0, 0]);
      }
      expect(ended).to.be.greaterThan(10);
      expect(await ask('select count(*)::int, count(distinct position)::int from events')).to.deep.equal([
        [20 * 196, 20 * 196],
      ]);
      expect(await ask('select count(*)::int, sum(rows)::int from events_batches')).to.deep.equal([[20, 20 * 196]]);
    }).timeout(60_000);

    it('tells the same when the answer to the commit was lost', async () => {
      await client.query(`create table events (workspace text, feed text, position bigint check (position <> 3), recorded_at timestamptz, kind text,
        primary key (workspace, feed, position, recorded_at))`);
      const proxy = await startProxy(database.url);
      try {
        const through = open('events', proxy.url);
        const batch = aBatch('b', many(5), { columns: ['kind'] });
        let isLast = false;
        proxy.watch((piece) => {
          isLast ||= piece.includes('insert into "events_batches"');
          if (!isLast || !piece.includes('commit\0')) return undefined;
          isLast = false;
          return 'deliver and cut';
        });
        expect(await messageOf(through.store(batch))).to.contain('terminated');
        await until('it is there', async () => (await positions()).length === 4);
        const again = await through.store(batch);
        expect(again.rows).to.equal(4);
        expect(refusedOf(again)).to.deep.equal([
          '3: new row for relation "events" violates check constraint "events_position_check" (SQLSTATE 23514)',
        ]);
        expect(await positions()).to.have.length(4);
      } finally {
        await proxy.stop();
      }
    });

    it('has each row once, wherever in what is sent the connection is cut', async () => {
      await client.query(`create table events (workspace text, feed text, position bigint check (position <> 3), recorded_at timestamptz, kind text,
        primary key (workspace, feed, position, recorded_at))`);
      const proxy = await startProxy(database.url);
      try {
        const through = open('events', proxy.url);
        let cuts = 0;
        for (const ending of ['cut', 'deliver and cut'] as const) {
          for (let at = 0; ; at++) {
            const before = cuts;
            let pieces = 0;
            proxy.watch(() => {
              if (pieces++ !== at) return undefined;
              cuts += 1;
              return ending;
            });
            const batch = aBatch(`${ending}-${at}`, many(5), { columns: ['kind'] });
            const { stored } = await storeAtLast(batch, through);
            expect([stored.rows, refusedOf(stored).length]).to.deep.equal([4, 1]);
            expect(await positions()).to.deep.equal([1, 2, 4, 5].map((position) => ['orders', position]));
            await client.query('truncate events');
            if (cuts === before) break;
          }
        }
        expect(cuts).to.be.greaterThan(30);
      } finally {
        await proxy.stop();
      }
    });

    it('rejects where it stops answering in the middle of what it is sent', async () => {
      const proxy = await startProxy(database.url);
      try {
        const through = makePostgresTarget({ kind: 'postgres', url: proxy.url, table: 'events' }, 500);
        targets.push(through);
        proxy.watch((piece) => {
          if (piece.includes('copy pg_temp')) proxy.stall(true);
          return undefined;
        });
        const text = 'x'.repeat(100_000);
        const batch = aBatch(
          'b',
          many(50).map((entry) => ({ ...entry, xml: anExported(1, { content: json(`"${text}"`) }).xml })),
        );
        expect(await messageOf(through.store(batch))).to.contain('timeout');
        proxy.watch(() => undefined);
        proxy.stall(false);
        expect((await storeAtLast(batch, through)).stored.rows).to.equal(50);
      } finally {
        await proxy.stop();
      }
    });

    it('rejects where nothing answers any more, at the latest when it is stopped', async () => {
      const proxy = await startProxy(database.url);
      try {
        const through = open('events', proxy.url);
        await through.store(aBatch('b-1', many(1)));
        proxy.stall(true);
        const stuck = messageOf(through.store(aBatch('b-2', many(1))));
        await sleep(200);
        await through.stop();
        expect(await stuck).to.contain('terminated');
      } finally {
        await proxy.stop();
      }
    });

    it('rejects, and keeps nothing secret in what it says, where it cannot be reached or lets nobody in', async () => {
      const away = open('events', 'postgresql://me:secret@127.0.0.1:9/warehouse');
      expect(await messageOf(away.store(aBatch('b', many(1)))))
        .to.match(/^the warehouse cannot be reached: .*ECONNREFUSED/)
        .and.not.contain('secret');
      await client.query('create schema kept; create role nobody_here login');
      const strange = open('kept.events', database.url.replace(/\/\/[^@]*@/, '//nobody_here@'));
      expect(await messageOf(strange.store(aBatch('b', many(1))))).to.match(
        /permission denied for schema kept|cannot be reached/,
      );
      await client.query('drop role nobody_here');
    });

    it('rejects within seconds while somebody holds the table, and takes the batch after', async () => {
      await target.store(aBatch('b-1', many(1)));
      await client.query('begin; lock table events in access exclusive mode');
      expect(await messageOf(target.store(aBatch('b-2', many(2))))).to.contain('lock timeout');
      await client.query('rollback');
      expect(await target.store(aBatch('b-2', many(2)))).to.include({ rows: 2 });
    });
  });

  it('takes batches larger than what is held, in transactions that are short, and is all there when its row is', async () => {
    const text = 'x'.repeat(250_000);
    let made = 0;
    function* entries(): Generator<ExportedEntry> {
      for (let position = 1; position <= 400; position++) {
        made += 1;
        yield anExported(position, { content: json(`{"n":${String(position)},"text":"${text}"}`) });
      }
    }
    const before = await bytesInTheHeap();
    let most = 0;
    let longest = 0;
    const watch = (async () => {
      while (made < 400) {
        most = Math.max(most, await bytesInTheHeap());
        const [[seconds]] = (await ask(
          `select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float from pg_stat_activity where application_name = 'millrace' and datname = current_database()`,
        )) as [[number]];
        longest = Math.max(longest, seconds);
        // To look takes longer than what is looked at.
        await sleep(150);
      }
    })();
    const stored = await target.store(aBatch('b', entries, { piece: 4 }));
    await watch;
    expect(stored).to.deep.equal({ rows: 400, poisoned: [] });
    expect(await ask(`select count(*)::int, bool_and(content_json->>'n' = position::text) from events`)).to.deep.equal([
      [400, true],
    ]);
    expect(most - before, 'of the 200 MB').to.be.lessThan(60_000_000);

    expect(longest).to.be.lessThan(20);
  }).timeout(60_000);
});
