import { expect } from 'chai';
import pg from 'pg';
import type { Position } from '../../src/core/entry.js';
import { openPool, reader } from '../../src/store/db.js';
import type { Db, Query } from '../../src/store/db.js';
import { findFeed } from '../../src/store/feeds.js';
import { readPlainPage } from '../../src/store/plain-page.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { ask } from '../support/log.js';
import { FEED_TYPE, entryXml, feedXml, publish } from '../support/publisher.js';

describe('a page read by positions', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp();
  });

  after(async () => {
    await app.stop();
  });

  it('holds what the tables hold, from wherever, in whichever direction, of ticks of any size', async () => {
    const path = await app.feed('ticks');
    let made = 0;
    for (const size of [1, 30, 2, 1, 1, 7, 1, 26, 1]) {
      const entries = Array.from({ length: size }, () => ({
        id: `tag:x,2026:${String(++made)},a,`,
        content: made % 5 === 0 ? 'y'.repeat(1_000) : `é ${String(made)}, "b"`,
        terms: made % 7 === 0 ? ['tid:1', 'cloudfeeds:private'] : ['tid:2'],
      }));
      const answer = await publish(app.url + path, feedXml(entries), { type: FEED_TYPE });
      expect(answer.status, answer.body).to.equal(201);
    }
    await ask(app.database.url, 'update entries set schema_version = position % 3 where position % 3 <> 0');
    await ask(
      app.database.url,
      'update heads h set first_kept = 4 from feeds f where f.feed_id = h.feed_id and name = $1',
      ['ticks'],
    );
    const pool = openPool({ connectionString: app.database.url }, { size: 1 });
    try {
      const db = reader(pool);
      const { feed } = (await findFeed(db, 'shop', 'ticks'))!;
      const { rows } = await db.query<[Position, string, string, string, number | null, boolean]>({
        name: 'all',
        text: `select position, atom_id, xml, recorded_at, schema_version, 'cloudfeeds:private' = any (terms)
                 from entries e
                cross join lateral (
                  select recorded_at from ticks t
                   where t.feed_id = e.feed_id and e.position between first_position and last_position) t
                where feed_id = $1 and position >= 4
                order by position`,
        values: [feed.id],
      });
      expect(rows).to.have.length(67);
      for (const direction of ['forward', 'backward'] as const) {
        for (const from of [undefined, ...Array.from({ length: 75 }, (_, index) => BigInt(index))]) {
          if (from === undefined && direction === 'forward') continue;
          for (const limit of [1, 3, 25, 60]) {
            for (const view of ['whole', 'open'] as const) {
              const page = await readPlainPage(db, feed, view, direction, from, limit, 9_000);
              const onward = direction === 'forward' ? rows : rows.toReversed();
              const there = onward.filter(([position]) =>
                direction === 'forward' ? position > (from ?? 0n) : position <= (from ?? 1_000n),
              );
              const wanted = there.slice(0, limit);
              let octets = 0;
              const fit = wanted.filter(
                ([, , xml], index) => (octets += Buffer.byteLength(xml)) <= 9_000 || index === 0,
              );
              const expected = fit
                .filter(([, , , , , isPrivate]) => view === 'whole' || !isPrivate)
                .map(([position, atomId, xml, recordedAt, version]) => {
                  return { position, kind: 'entry', atomId, xml, recordedAt, schemaVersion: version ?? undefined };
                });
              const what = `${direction} from ${String(from)}, ${String(limit)}, ${view}`;
              expect(page.entries, what).to.deep.equal(expected);
              expect(page.end, what).to.equal(fit.at(-1)?.[0]);
              expect(page.full, what).to.equal(fit.length < wanted.length || fit.length === limit);
              expect([page.head, page.firstKept, page.changedAt], what).to.deep.equal([70n, 4n, rows.at(-1)?.[3]]);
            }
          }
        }
      }
    } finally {
      await pool.end();
    }
  });

  it('is that of an empty log', async () => {
    await app.feed('empty');
    const pool = openPool({ connectionString: app.database.url }, { size: 1 });
    try {
      const db = reader(pool);
      const { feed } = (await findFeed(db, 'shop', 'empty'))!;
      for (const [direction, from] of [
        ['backward', undefined],
        ['backward', 5n],
        ['forward', 0n],
      ] as const) {
        const { epoch, ...page } = await readPlainPage(db, feed, 'whole', direction, from, 25, 9_000);
        expect(epoch).to.match(/^[0-9a-f-]{36}$/);
        const nothing = { head: 0n, firstKept: 1n, changedAt: undefined, end: undefined, full: false };
        expect(page).to.deep.equal({ ...nothing, entries: [] });
      }
    } finally {
      await pool.end();
    }
  });

  it('holds no entry without its text when retention takes some while it is read', async () => {
    const path = await app.feed('large');
    for (const id of ['urn:x:1', 'urn:x:2', 'urn:x:3']) {
      expect((await publish(app.url + path, entryXml(id, 'x'.repeat(2_000)))).status).to.equal(201);
    }
    const pool = openPool({ connectionString: app.database.url }, { size: 1 });
    const admin = new pg.Client({ connectionString: app.database.url });
    await admin.connect();
    try {
      const db = reader(pool);
      const found = await findFeed(db, 'shop', 'large');
      /** Retention at its worst moment: the floor moves and its entries go just before the texts are asked for. */
      let taken = false;
      const overtaken: Db = {
        async query<Row extends unknown[]>(query: Query) {
          if (query.name === 'plain-rest' && !taken) {
            taken = true;
            await admin.query('update heads set first_kept = 3 where feed_id = $1', [found!.feed.id]);
            await admin.query('delete from entries where feed_id = $1 and position < 3', [found!.feed.id]);
          }
          return db.query<Row>(query);
        },
      };
      const page = await readPlainPage(overtaken, found!.feed, 'whole', 'backward', undefined, 25, 10_000);
      expect(taken).to.equal(true);
      expect(page.firstKept).to.equal(3n);
      expect(page.entries.map(({ atomId, xml }) => [atomId, xml.length > 2_000])).to.deep.equal([['urn:x:3', true]]);
    } finally {
      await admin.end();
      await pool.end();
    }
  });
});
