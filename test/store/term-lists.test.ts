import { expect } from 'chai';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { raiseFloor } from '../../src/actions/apply-retention.js';
import type { Position } from '../../src/core/entry.js';
import type { Feed } from '../../src/core/feed.js';
import { parseSearch } from '../../src/core/search.js';
import { openPool, reader } from '../../src/store/db.js';
import { findFeed } from '../../src/store/feeds.js';
import { readPage } from '../../src/store/pages.js';
import type { Direction } from '../../src/store/plain-page.js';
import { listRetained } from '../../src/store/retention.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { retain } from '../../src/workers/retention.js';
import type { RetentionWorkerDeps } from '../../src/workers/retention.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry, anId } from '../support/build.js';
import { deleteFeed } from '../support/deletion.js';
import { ask } from '../support/log.js';
import { publishAll } from '../support/publish.js';

const TERMS = ['red', 'green', 'tid:1', 'tid:2'];
const SEARCHES: [string, (terms: readonly string[]) => boolean][] = [
  ['+red', (terms) => terms.includes('red')],
  ['+red+tid:2+none', (terms) => terms.includes('red') || terms.includes('tid:2')],
  ['(cat=tid:*)', (terms) => terms.some((term) => term.startsWith('tid:'))],
];
const LIMITS = [1, 3, 50];

/** What was published, in order: its position is its place here, from 1. `gone`: superseded since. */
interface Shown {
  readonly id: string;
  readonly terms: readonly string[];
  gone?: true;
  readonly tombstone?: true;
}

/** Each batch holds some entries, each with some of the terms. */
const aBatch = fc.array(fc.subarray(TERMS), { minLength: 1, maxLength: 12 });

describe('pages of the term index', function () {
  this.timeout(120_000);

  let app: TestApp;
  let pool: Pool;
  let deps: RetentionWorkerDeps;
  let feeds = 0;

  before(async () => {
    app = await startApp({ env: { RETENTION_SECONDS: '86400' } });
    pool = openPool({ connectionString: app.database.url }, { size: 2 });
    deps = {
      pool,
      db: reader(pool),
      memory: { changed: () => void ask(app.database.url, `select pg_notify('millrace', 'all')`) },
      metrics: { removed: () => undefined },
      logger: createLogger('silent'),
    };
  });

  after(async () => {
    await pool.end();
    await app.stop();
  });

  async function found(name: string): Promise<Feed> {
    return (await findFeed(deps.db, 'shop', name))!.feed;
  }

  async function publishBatch(path: string, batch: readonly (readonly string[])[]): Promise<Shown[]> {
    const entries = batch.map((categories) => ({ id: anId(), categories }));
    await publishAll(app, path, entries);
    return entries.map(({ id, categories: terms }) => ({ id, terms }));
  }

  /** Edits the entry, or deletes it. */
  async function change(
    path: string,
    log: Shown[],
    index: number,
    terms: readonly string[] | undefined,
  ): Promise<void> {
    const shown = log[index]!;
    const member = `${path}/entries/${encodeURIComponent(shown.id)}`;
    const headers = { 'content-type': 'application/atom+xml', 'if-match': '*' };
    const response =
      terms === undefined
        ? await app.request(member, { method: 'DELETE' })
        : await app.request(member, { method: 'PUT', headers, body: anEntry({ id: shown.id, categories: terms }) });
    expect(response.status).to.equal(terms === undefined ? 204 : 200);
    shown.gone = true;
    if (terms !== undefined) log.push({ id: shown.id, terms });
    // A tombstone is found by the terms of what it stands for.
    else log.push({ id: shown.id, terms: shown.terms, tombstone: true });
  }

  /** Compares pages from every place of the log, in both directions, with what a look at all of it gives. */
  async function compare(name: string, log: readonly Shown[], firstKept: Position): Promise<void> {
    const feed = await found(name);
    for (const [text, matches] of SEARCHES) {
      const search = parseSearch(text);
      const positions = log.flatMap(({ terms, gone }, index) => {
        const position = BigInt(index + 1);
        return position >= firstKept && gone === undefined && matches(terms) ? [position] : [];
      });
      const compareOne = async (direction: Direction, from: bigint | undefined, limit: number): Promise<void> => {
        const read = await readPage(deps.db, feed, 'whole', direction, from, limit, search);
        const all =
          direction === 'forward'
            ? positions.filter((position) => position > from!)
            : positions.filter((position) => from === undefined || position <= from).toReversed();
        // Tombstones do not count towards the limit.
        let live = 0;
        const expected = all.filter((position) => {
          if (live >= limit) return false;
          live += log[Number(position) - 1]!.tombstone === undefined ? 1 : 0;
          return true;
        });
        const shown = direction === 'forward' ? expected.toReversed() : expected;
        const what = `${name} ${text} ${direction} from ${String(from)} limit ${String(limit)}`;
        expect(
          read.entries.map(({ position }) => position),
          what,
        ).to.deep.equal(shown);
        expect(read.full, what).to.equal(all.length > expected.length);
      };
      for (const limit of LIMITS) {
        await compareOne('backward', undefined, limit);
        for (let from = 0n; from <= BigInt(log.length) + 1n; from++) {
          await compareOne('forward', from, limit);
          await compareOne('backward', from, limit);
        }
      }
    }
  }

  it('hold what a look at each entry finds, from every place and in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aBatch, { minLength: 1, maxLength: 5 }), fc.nat(), async (batches, cut) => {
        const name = `lists-${String(++feeds)}`;
        const path = await app.feed(name);
        const log: Shown[] = [];
        // The first batch goes the long way: nothing is remembered of the feed.
        for (const batch of batches) log.push(...(await publishBatch(path, batch)));
        await compare(name, log, 1n);

        const firstKept = BigInt((cut % log.length) + 1);
        await ask(app.database.url, 'update heads set first_kept = $1 where feed_id = $2', [
          String(firstKept),
          (await found(name)).id,
        ]);
        await compare(name, log, firstKept);
        await retain(deps, new AbortController().signal);
        await compare(name, log, firstKept);
      }),
      { numRuns: 6 },
    );
    const [lists] = await ask<{ rows: number; positions: number }>(
      app.database.url,
      `select count(*)::int as rows, sum(1 + coalesce(cardinality(earlier), 0))::int as positions from entry_terms`,
    );
    expect(lists!.positions, 'positions share rows').to.be.above(lists!.rows);
  });

  it('hold current revisions and tombstones only, also under a name that an ordinary feed had before', async () => {
    const path = await app.feed('reborn');
    const log: Shown[] = [];
    for (let n = 0; n < 3; n++)
      log.push(...(await publishBatch(path, [['red', 'tid:1'], ['red'], ['green', 'tid:1']])));
    expect((await deleteFeed(app, '/feeds/shop/reborn', { purge: true })).status).to.equal(204);
    await app.feed('reborn', { editable: true });
    const firstKept = BigInt(log.length + 1);
    // The same ids again: their rows of the first life are still there.
    const again = log.slice(0, 3).map(({ id, terms }) => ({ id, categories: terms }));
    await publishAll(app, path, again);
    log.push(...again.map(({ id, categories: terms }) => ({ id, terms })));
    log.push(...(await publishBatch(path, [['red', 'tid:2'], ['red', 'tid:1'], ['green'], ['red']])));
    await compare('reborn', log, firstKept);
    await change(path, log, 9, ['red', 'green']);
    await change(path, log, 13, ['green']);
    await change(path, log, 14, ['tid:2']);
    await compare('reborn', log, firstKept);
    const feed = await found('reborn');
    const [old] = await ask<{ rows: number }>(
      app.database.url,
      'select count(*)::int as rows from entry_terms where feed_id = $1 and last_position < 10',
      [feed.id],
    );
    expect(old!.rows, 'lists of the first life').to.be.above(0);
    await retain(deps, new AbortController().signal);
    await compare('reborn', log, firstKept);
    await change(path, log, 11, undefined);
    await compare('reborn', log, firstKept);
    const [lists] = await ask<{ lists: number }>(
      app.database.url,
      'select count(earlier)::int as lists from entry_terms where feed_id = $1',
      [feed.id],
    );
    expect(lists!.lists, 'of an editable feed').to.equal(0);
  });

  it('end at the floor when retention goes through the middle of a list', async () => {
    const path = await app.feed('cut', { keepEntries: 26 });
    await publishBatch(path, [['red']]);
    const log: Shown[] = [{ id: '', terms: ['red'] }];
    log.push(
      ...(await publishBatch(
        path,
        Array.from({ length: 59 }, (_, n) => (n % 3 === 0 ? ['red', 'tid:1'] : ['red'])),
      )),
    );
    const feed = await found('cut');
    const retained = (await listRetained(deps.db)).find(({ id }) => id === feed.id);
    expect(await raiseFloor(deps, retained!)).to.equal(true);
    await compare('cut', log, 26n);
    await retain(deps, new AbortController().signal);
    await compare('cut', log, 26n);
    const [before] = await ask<{ earlier: string[] }>(
      app.database.url,
      `select earlier from entry_terms where feed_id = $1 and term = 'red'`,
      [feed.id],
    );
    expect(before!.earlier[0]).to.equal('2');
    expect((await deleteFeed(app, '/feeds/shop/cut', { purge: true })).status).to.equal(204);
    await retain(deps, new AbortController().signal);
    expect(await ask(app.database.url, 'select from entry_terms where feed_id = $1', [feed.id])).to.deep.equal([]);
  });
});
