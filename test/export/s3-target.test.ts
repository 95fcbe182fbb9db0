import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import dns from 'node:dns';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportedEntry } from '../../src/core/export.js';
import type { S3Target } from '../../src/core/target-settings.js';
import { makeS3Target } from '../../src/export/targets/s3.js';
import type { S3Bounds } from '../../src/export/targets/s3.js';
import type { Target, TargetBatch } from '../../src/export/targets/target.js';
import { startBucket, type TestBucket } from '../support/bucket.js';
import { openDuckDb, type DuckDb } from '../support/duckdb.js';
import { bytesOutsideTheHeap } from '../support/memory.js';
import { rejection } from '../support/refusal.js';
import { aBatch, aSource, anExported } from '../support/target-batch.js';

describe('a bucket', () => {
  let bucket: TestBucket;
  let duckdb: DuckDb;
  let lake: string;
  let target: Target;

  beforeEach(async () => {
    bucket = await startBucket();
    duckdb = await openDuckDb();
    lake = await mkdtemp(join(tmpdir(), 'millrace-lake-'));
    target = open();
  });

  afterEach(async () => {
    await target.stop();
    duckdb.close();
    await bucket.stop();
    await rm(lake, { recursive: true });
  });

  /** A request may take a second, and 64 KiB make a piece. */
  function open(settings: Partial<S3Target> = {}, bounds: Partial<S3Bounds> = {}): Target {
    return makeS3Target({ ...bucket.settings, ...settings }, { requestMs: 2_000, pieceOctets: 65_536, ...bounds });
  }

  const messageOf = async (promise: Promise<unknown>): Promise<string> => (await rejection(promise)).message;

  async function ask(sql: string): Promise<readonly (readonly unknown[])[]> {
    await bucket.download(lake);
    return duckdb.ask(sql.replace('$lake', `read_parquet('${lake}/**/*.parquet', hive_partitioning = true)`));
  }

  const DAY = '2026-11-22T10:00:00.123456Z';
  const ORDERS = 'feed=shop%2Forders/date=2026-11-22';
  const many = (count: number): ExportedEntry[] => Array.from({ length: count }, (_, n) => anExported(n + 1));
  /** Of random texts, which no compression makes much smaller. */
  function large(count: number, key = 'b'): TargetBatch {
    return aBatch(key, function* () {
      for (let n = 1; n <= count; n++) {
        const noise = randomBytes(16_000).toString('base64');
        yield anExported(n, { content: `<content>${noise}</content>` });
      }
    });
  }

  it('has the entries of a batch as files of Parquet, by feeds and days, with a _SUCCESS for each closed day', async () => {
    const feeds = [aSource(1, 'orders'), aSource(2, 'A~b.c_d-e', 'w'), aSource(3, 'none')];
    const entries = [anExported(1), anExported(7, { feed: 2 }), anExported(2, { recordedAt: '2026-11-23T00:00:00Z' })];
    expect(await target.store(aBatch('5d1e0c7a-9b2f4e11-7', entries, { feeds }))).to.deep.equal({
      rows: 3,
      poisoned: [],
    });
    await target.closeDay({
      feed: aSource(1, 'orders'),
      date: '2026-11-22',
      rows: 1,
      batches: ['5d1e0c7a-9b2f4e11-7'],
    });
    expect(await bucket.keys()).to.deep.equal([
      'feed=shop%2Forders/date=2026-11-22/_SUCCESS',
      'feed=shop%2Forders/date=2026-11-22/part-5d1e0c7a-9b2f4e11-7.parquet',
      'feed=shop%2Forders/date=2026-11-23/part-5d1e0c7a-9b2f4e11-7.parquet',
      'feed=w%2FA~b.c_d-e/date=2026-11-22/part-5d1e0c7a-9b2f4e11-7.parquet',
    ]);
    expect(
      await ask('select feed, date, position, content_json, recorded_at from $lake order by feed, position'),
    ).to.deep.equal([
      ['shop/orders', '2026-11-22', '1', '"x"', '2026-11-22 10:00:00.123456+00'],
      ['shop/orders', '2026-11-23', '2', '"x"', '2026-11-23 00:00:00+00'],
      ['w/A~b.c_d-e', '2026-11-22', '7', '"x"', '2026-11-22 10:00:00.123456+00'],
    ]);
    expect(JSON.parse((await bucket.get(`${ORDERS}/_SUCCESS`)).toString())).to.include({ rows: 1 });
  });

  it('has them below a prefix, whatever that is', async () => {
    await target.stop();
    target = open({ prefix: "a b/ü+&=?#%2F%/'(!)*/" });
    await target.store(aBatch('b', many(1)));
    expect(await bucket.keys()).to.deep.equal([`a b/ü+&=?#%2F%/'(!)*/${ORDERS}/part-b.parquet`]);
  });

  it('is not written to elsewhere than its prefix says', async () => {
    expect(await messageOf(open({ prefix: 'a/../b/' }).store(aBatch('b', many(1))))).to.match(
      /^no object can be named a\/\.\.\/b\/feed=/,
    );
    expect(await bucket.keys()).to.deep.equal([]);
  });

  it('is found by its own host too', async () => {
    const { lookup } = dns;
    const toLoopback = (host: string, options: object, done: (...found: unknown[]) => void): void => {
      lookup(host === 'lake.s3.localhost' ? '127.0.0.1' : host, options, done as never);
    };
    dns.lookup = toLoopback as typeof lookup;
    try {
      await bucket.stop();
      bucket = await startBucket('host');
      await target.stop();
      target = open();
      await target.store(large(8));
      expect(await bucket.keys()).to.deep.equal([`${ORDERS}/part-b.parquet`]);
      expect(bucket.requests).to.include(`POST ${ORDERS}/part-b.parquet?complete`);
    } finally {
      dns.lookup = lookup;
    }
  });

  it('is sent what is large in pieces, and holds a few of them at most', async () => {
    await target.stop();
    target = open({}, { pieceOctets: 1_000_000 });
    const before = await bytesOutsideTheHeap();
    let most = 0;
    const pieces: string[] = [];
    let looked = Promise.resolve();
    bucket.fail((request) => {
      if (request.endsWith('?part')) {
        pieces.push(request);
        if (pieces.length % 5 !== 0) return undefined;
        looked = looked.then(async () => {
          most = Math.max(most, await bytesOutsideTheHeap());
        });
      }
      return undefined;
    });
    expect(await target.store(large(2_000))).to.deep.equal({ rows: 2_000, poisoned: [] });
    await looked;
    expect(pieces.length).to.be.greaterThan(20);
    expect(most - before, 'of more than 25 MB').to.be.lessThan(22_000_000);
    expect(await ask('select count(*), sum(length(content_json)) > 20000000 from $lake')).to.deep.equal([
      ['2000', true],
    ]);
  }).timeout(60_000);

  it('keeps what it has of a batch as it is, and tells the same of it', async () => {
    await target.store(aBatch('b', many(3)));
    const before = await bucket.get(`${ORDERS}/part-b.parquet`);
    bucket.requests.length = 0;
    expect(await target.store(aBatch('b', many(3)))).to.deep.equal({ rows: 3, poisoned: [] });
    expect(bucket.requests).to.deep.equal([`HEAD ${ORDERS}/part-b.parquet`]);
    expect(await bucket.get(`${ORDERS}/part-b.parquet`)).to.deep.equal(before);
  });

  it('gets all others where no row can be made of one, and no file where there are no others', async () => {
    const feeds = [aSource(1, 'orders'), aSource(2, 'broken')];
    const bad = anExported(2, { xml: 'no XML' });
    const stored = await target.store(aBatch('b', [anExported(1), bad, { ...bad, feed: 2 }], { feeds }));
    expect(stored.rows).to.equal(1);
    expect(stored.poisoned.map(({ entry }) => [entry.feed, entry.position])).to.deep.equal([
      [1, 2n],
      [2, 2n],
    ]);
    expect(await bucket.keys()).to.deep.equal([`${ORDERS}/part-b.parquet`]);
  });

  it('that refuses makes it reject, with what it says, and without secrets', async () => {
    const wrong = open({ secretAccessKey: 'another secret' });
    const denied = await messageOf(
      wrong.closeDay({ feed: aSource(1, 'orders'), date: '2026-11-22', rows: 1, batches: [] }),
    );
    expect(denied).to.match(
      /^the bucket "lake" answered PUT feed=shop%2Forders\/date=2026-11-22\/_SUCCESS with 403, SignatureDoesNotMatch, /,
    );
    expect(denied).to.not.contain('secret').and.not.contain('AWS4-HMAC');
    expect(await messageOf(wrong.store(aBatch('b', many(1))))).to.match(/answered HEAD .* with 403$/);
    expect(
      await messageOf(
        open({ bucket: 'nowhere' }).closeDay({ feed: aSource(1, 'orders'), date: '2026-11-22', rows: 1, batches: [] }),
      ),
    ).to.contain('404, NoSuchBucket');
    for (const status of [301, 403, 429, 500, 503]) {
      bucket.fail((request) => (request.startsWith('PUT') ? { status, body: '<html>' } : undefined));
      expect(await messageOf(target.store(aBatch('b', many(1)))), String(status)).to.match(
        new RegExp(`with ${String(status)}$`),
      );
    }
    bucket.fail(() => undefined);
    expect(await target.store(aBatch('b', many(1)))).to.include({ rows: 1 });
  });

  it('that is away, or hangs, or is stopped makes it reject', async () => {
    const gone = await startBucket();
    await gone.stop();
    expect(await messageOf(open(gone.settings).store(aBatch('b', many(1))))).to.match(
      /does not answer HEAD .*: ECONNREFUSED$/,
    );
    bucket.fail(() => 'hang');
    const begun = Date.now();
    expect(await messageOf(open({}, { requestMs: 300 }).store(aBatch('b', many(1))))).to.match(
      /does not answer HEAD .*: not in time$/,
    );
    expect(Date.now() - begun).to.be.within(250, 5_000);
    const patient = open({}, { requestMs: 600_000 });
    const stuck = messageOf(patient.store(aBatch('b', many(1))));
    await patient.stop();
    expect(await stuck).to.contain('does not answer');
  });

  it('that breaks off anywhere is left with whole files alone, and is told to let go of the pieces', async () => {
    const steps = ['HEAD', '?begin', '?part', '?complete', 'PUT'];
    const faults = [
      'cut',
      'lose the answer',
      { status: 500, body: '<Error><Code>InternalError</Code></Error>' },
    ] as const;
    for (const step of steps) {
      for (const fault of faults) {
        const key = `${step.replace('?', '')}-${typeof fault === 'object' ? '500' : fault.slice(0, 4)}`;
        const batch = step === 'PUT' ? aBatch(key, many(8)) : large(8, key);
        bucket.requests.length = 0;
        let times = 1;
        bucket.fail((request) => {
          const isIt = step.startsWith('?')
            ? request.endsWith(step)
            : request.startsWith(step) && !request.includes('?');
          return isIt && times-- > 0 ? fault : undefined;
        });
        await messageOf(target.store(batch));
        const isLate = fault === 'lose the answer' && ['?complete', 'PUT'].includes(step);
        const names = (await bucket.keys()).filter((name) => name.endsWith(`part-${key}.parquet`));
        if (!isLate) expect(names, key).to.deep.equal([]);
        const isOpen = step === '?part' || step === '?complete';
        expect(
          bucket.requests.some((request) => request.endsWith('?abort')),
          key,
        ).to.equal(isOpen);
        expect(await target.store(batch), key).to.deep.equal({ rows: 8, poisoned: [] });
      }
    }
    expect(
      await ask(
        'select count(*), count(distinct filename), min(rows) from (select filename, count(*) as rows from $lake group by filename)',
      ),
    ).to.deep.equal([['15', '15', '8']]);
  }).timeout(60_000);

  it('that says 200 and then that it failed to put the pieces together makes it reject', async () => {
    bucket.fail((request) =>
      request.endsWith('?complete')
        ? {
            status: 200,
            body: '\n \n<?xml version="1.0"?><Error><Code>InternalError</Code><Message>Try again.</Message></Error>',
          }
        : undefined,
    );
    expect(await messageOf(target.store(large(8)))).to.match(/with 200, InternalError, Try again\.$/);
    expect(bucket.requests.at(-1)).to.match(/\?abort$/);
    expect(await bucket.keys()).to.deep.equal([]);
  });

  it('is none where a server answers to everything', async () => {
    bucket.fail((request) => (request.startsWith('HEAD') ? { status: 200, body: '' } : undefined));
    expect(await messageOf(target.store(aBatch('b', many(1))))).to.match(
      /has application\/xml as .*part-b\.parquet, expected/,
    );
    bucket.fail((request) => (request.startsWith('PUT') ? { status: 200, body: '' } : undefined));
    expect(await messageOf(target.store(aBatch('b', many(1))))).to.match(/part-b\.parquet without an ETag with 200$/);
    expect(await bucket.keys()).to.deep.equal([]);
  });

  it('is the same for two that store one batch at the same time', async () => {
    const other = open();
    const stored = await Promise.all([target.store(aBatch('b', many(500))), other.store(aBatch('b', many(500)))]);
    expect(stored).to.deep.equal([
      { rows: 500, poisoned: [] },
      { rows: 500, poisoned: [] },
    ]);
    expect(await ask(`select count(*), min(recorded_at) = '${DAY}' from $lake`)).to.deep.equal([['500', true]]);
  });
});
