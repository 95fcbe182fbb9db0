import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportedEntry } from '../../../src/core/export.js';
import type { Feed } from '../../../src/core/feed.js';
import { hiveParts } from '../../../src/export/targets/hive.js';
import { gatherPoison } from '../../../src/export/targets/poison.js';
import type { PoisonedRow, TargetBatch } from '../../../src/export/targets/target.js';
import { EXPORT_COLUMNS } from '../../../src/formats/export/export-row.js';
import type { RowColumn } from '../../../src/formats/export/export-row.js';
import { anEntry } from '../../support/build.js';
import { openDuckDb } from '../../support/duckdb.js';
import type { DuckDb } from '../../support/duckdb.js';

describe('a batch as files of a lake', () => {
  let duckdb: DuckDb;
  let lake: string;
  beforeEach(async () => {
    duckdb = await openDuckDb();
    lake = await mkdtemp(join(tmpdir(), 'millrace-hive-'));
  });
  afterEach(async () => {
    duckdb.close();
    await rm(lake, { recursive: true });
  });

  const entry = (position: number, recordedAt: string, xml = anEntry({ title: String(position) })): ExportedEntry => ({
    feed: 1,
    position: BigInt(position),
    kind: 'entry',
    atomId: `urn:x:${String(position)}`,
    xml: xml.replace(/^<\?xml.*?\?>\s*/, ''),
    recordedAt,
    schemaVersion: undefined,
  });

  /** Pieces of two entries, so that days begin and end within them. */
  function batchOf(
    entries: Readonly<Record<string, readonly ExportedEntry[]>>,
    columns: readonly RowColumn[] = EXPORT_COLUMNS,
  ): TargetBatch {
    const feeds = Object.keys(entries).map((name, index) => ({ id: index + 1, workspace: 'shop', name }) as Feed);
    return {
      key: '5d1e0c7a-9b2f4e11-7',
      feeds,
      async *entries(of) {
        const all = of === undefined ? Object.values(entries).flat() : (entries[of.name] ?? []);
        for (let at = 0; at < all.length; at += 2) yield await Promise.resolve(all.slice(at, at + 2));
      },
      columns,
      moves: () => undefined,
      end: () => ({ batch: null, receipt: null, until: undefined, rows: 0, lost: [] }),
    };
  }

  async function write(
    batch: TargetBatch,
  ): Promise<{ paths: string[]; rows: number[]; poisoned: readonly PoisonedRow[] }> {
    const poison = gatherPoison();
    const [paths, rows]: [string[], number[]] = [[], []];
    for await (const part of hiveParts(batch, poison)) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of part.chunks) chunks.push(chunk);
      await mkdir(join(lake, part.directory), { recursive: true });
      await writeFile(join(lake, part.directory, part.name), Buffer.concat(chunks));
      paths.push(`${part.directory}/${part.name}`);
      rows.push(part.rows());
    }
    return { paths, rows, poisoned: poison.rows };
  }

  it('has one for each feed and day, which readers find by feed and date', async () => {
    const { paths, rows } = await write(
      batchOf({
        orders: [
          entry(1, '2026-11-21T23:59:59.999999Z'),
          entry(2, '2026-11-22T00:00:00.000000Z'),
          entry(3, '2026-11-22T10:00:00.000000Z'),
          entry(4, '2026-11-24T10:00:00.000000Z'),
          entry(5, '2026-11-24T11:00:00.000000Z'),
        ],
        'bills.eu': [entry(1, '2026-11-22T10:00:00.000000Z')],
      }),
    );
    expect(paths).to.deep.equal([
      'feed=shop%2Forders/date=2026-11-21/part-5d1e0c7a-9b2f4e11-7.parquet',
      'feed=shop%2Forders/date=2026-11-22/part-5d1e0c7a-9b2f4e11-7.parquet',
      'feed=shop%2Forders/date=2026-11-24/part-5d1e0c7a-9b2f4e11-7.parquet',
      'feed=shop%2Fbills.eu/date=2026-11-22/part-5d1e0c7a-9b2f4e11-7.parquet',
    ]);
    expect(rows).to.deep.equal([1, 2, 2, 1]);
    const all = `read_parquet('${lake}/**/*.parquet', hive_partitioning = true)`;
    expect(
      await duckdb.ask(
        `select feed, date, workspace, list(position order by position) from ${all} group by all order by all`,
      ),
    ).to.deep.equal([
      ['shop/bills.eu', '2026-11-22', 'shop', ['1']],
      ['shop/orders', '2026-11-21', 'shop', ['1']],
      ['shop/orders', '2026-11-22', 'shop', ['2', '3']],
      ['shop/orders', '2026-11-24', 'shop', ['4', '5']],
    ]);
    expect(
      await duckdb.ask(`select position from ${all} where feed = 'shop/orders' and date < '2026-11-22'`),
    ).to.deep.equal([['1']]);
  });

  it('leaves out a row that cannot be made, and tells which, and why', async () => {
    const time = '2026-11-22T10:00:00.000000Z';
    const bad = entry(2, time, 'no XML');
    const { rows, poisoned } = await write(batchOf({ orders: [entry(1, time), bad, entry(3, time)], none: [bad] }));
    expect(rows).to.deep.equal([2, 0]);
    expect(poisoned.map(({ entry: { position } }) => position)).to.deep.equal([2n, 2n]);
    expect(poisoned[0]?.reason).to.match(/^no row can be made of it: \w/);
    const count = `select count(*), min(position), max(position) from '${lake}/feed=shop%2Forders/**/*.parquet'`;
    expect(await duckdb.ask(count)).to.deep.equal([['2', '1', '3']]);
  });

  it('has the columns that were chosen, the feed in the name of its directory', async () => {
    await write(batchOf({ orders: [entry(7, '2026-11-22T10:00:00.000000Z')] }, ['position', 'feed']));
    expect(await duckdb.ask(`select * from '${lake}/**/*.parquet'`)).to.deep.equal([
      ['7', '2026-11-22', 'shop/orders'],
    ]);
  });
});
