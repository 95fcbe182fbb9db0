import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportedEntry } from '../../../src/core/export.js';
import { EXPORT_COLUMNS } from '../../../src/formats/export/export-row.js';
import type { ExportSource } from '../../../src/formats/export/export-write.js';
import { writeParquet } from '../../../src/formats/export/parquet.js';
import { anEntry } from '../../support/build.js';
import type { EntryParts } from '../../support/build.js';
import { bytesInTheHeap } from '../../support/memory.js';
import { openDuckDb } from '../../support/duckdb.js';
import type { DuckDb } from '../../support/duckdb.js';

describe('a Parquet file', () => {
  let duckdb: DuckDb;
  let directory: string;
  let made = 0;
  before(async () => {
    duckdb = await openDuckDb();
    directory = await mkdtemp(join(tmpdir(), 'millrace-parquet-'));
  });
  after(async () => {
    duckdb.close();
    await rm(directory, { recursive: true });
  });

  const entriesOf = (count: number, partsOf: (n: number) => EntryParts): ExportedEntry[] =>
    Array.from({ length: count }, (_, index) => ({
      feed: 1,
      position: BigInt(index + 1),
      kind: 'entry',
      atomId: `urn:${String(index)}`,
      xml: anEntry(partsOf(index)).replace(/^<\?xml.*?\?>\s*/, ''),
      recordedAt: `2026-11-22T10:00:00.${String(index).padStart(6, '0')}Z`,
      schemaVersion: index % 2 === 0 ? 1 : undefined,
    }));

  const sourceOf = (batches: AsyncGenerator<readonly ExportedEntry[]>, rows: number): ExportSource =>
    ({
      batches,
      feedOf: () => ({ feed: { workspace: 'w', name: 'f' }, showsPositions: true }),
      end: () => ({ after: 'x1.a', complete: true, until: undefined, rows, lost: [] }),
    }) as unknown as ExportSource;

  /** The path of the file, and after how many rows each of its parts was there. */
  async function written(
    entries: readonly ExportedEntry[],
    bounds?: { rows: number; octets: number },
  ): Promise<{ file: string; readBefore: number[] }> {
    let read = 0;
    async function* one(): AsyncGenerator<readonly ExportedEntry[]> {
      for (const entry of entries) {
        read += 1;
        yield await Promise.resolve([entry]);
      }
    }
    const source = sourceOf(one(), entries.length);
    const parts: Uint8Array[] = [];
    const readBefore: number[] = [];
    for await (const part of writeParquet(source, EXPORT_COLUMNS, bounds)) {
      parts.push(part);
      readBefore.push(read);
    }
    const file = join(directory, `${String((made += 1))}.parquet`);
    await writeFile(file, Buffer.concat(parts));
    return { file, readBefore };
  }

  const groups = (file: string): Promise<readonly (readonly unknown[])[]> =>
    duckdb.ask(`
      select row_group_num_rows, stats_min_value, stats_max_value
        from parquet_metadata('${file}') where path_in_schema = 'position' order by row_group_id`);

  it('is handed on row group by row group, of so many rows at most', async () => {
    const { file, readBefore } = await written(
      entriesOf(25, () => ({})),
      { rows: 10, octets: 1e9 },
    );
    expect(new Set(readBefore)).to.deep.equal(new Set([0, 10, 20, 25]));
    expect(await groups(file)).to.deep.equal([
      ['10', '1', '10'],
      ['10', '11', '20'],
      ['5', '21', '25'],
    ]);
    const rows = await duckdb.ask(`
      select sum(position), count(schema_version), min(epoch_us(recorded_at)) % 1000000, max(epoch_us(recorded_at)) % 1000000
        from read_parquet('${file}')`);
    expect(rows).to.deep.equal([['325', '13', '0', '24']]);
  });

  it('has a row group of its own for what is larger than one is to be', async () => {
    // More than is compressed at once.
    const large = Array.from({ length: 150_000 }, (_, n) => Math.sin(n).toString(36).slice(2)).join('');
    const parts = (n: number): EntryParts => ({ content: `<content>${n === 2 ? large : 'small'}</content>` });
    const { file } = await written(entriesOf(5, parts), { rows: 1_000, octets: 100_000 });
    expect(await groups(file)).to.deep.equal([
      ['3', '1', '3'],
      ['2', '4', '5'],
    ]);
    const rows = await duckdb.ask(`
      select length(content_json->>'$'), md5(content_json->>'$') = md5('${large}')
        from read_parquet('${file}') where position in (2, 3) order by position`);
    expect(large.length).to.be.greaterThan(1024 * 1024);
    expect(rows).to.deep.equal([
      ['5', false],
      [String(large.length), true],
    ]);
  });

  it('gives up the dictionary of what turns out to be all different', async () => {
    // More than a dictionary takes, and more than a page.
    const count = 9_000;
    const [plain] = entriesOf(1, () => ({ categories: ['tid:0', 'type:a'] }));
    const all = Array.from({ length: count }, (_, n) => ({
      ...plain!,
      position: BigInt(n + 1),
      xml: plain!.xml.replace('tid:0', `tid:${String(n)}`),
    }));
    const { file } = await written(all);
    const rows = await duckdb.ask(`
      select count(distinct tenant), sum(tenant::bigint), count(distinct event_type), sum(len(categories)),
             count(*) filter (tenant::bigint + 1 <> position or categories[1] <> 'tid:' || tenant)
        from read_parquet('${file}')`);
    expect(rows).to.deep.equal([[String(count), String((count * (count - 1)) / 2), '1', String(2 * count), '0']]);
    const columns = await duckdb.ask(`
      select path_in_schema, encodings, stats_max_value from parquet_metadata('${file}')
       where path_in_schema in ('tenant', 'event_type') order by path_in_schema`);
    expect(columns).to.deep.equal([
      ['event_type', 'RLE, RLE_DICTIONARY, PLAIN', 'a'],
      ['tenant', 'RLE, RLE_DICTIONARY, PLAIN', null],
    ]);
  });

  it('holds no texts of entries while it is made, however few columns are asked for', async () => {
    const [plain] = entriesOf(1, () => ({ categories: ['tid:a-tenant-of-some-length', 'type:a.type.of-some-length'] }));
    const large = Buffer.from(plain!.xml.replace('</entry>', `<!-- ${'x'.repeat(200_000)} --></entry>`)).toString();
    async function* all(): AsyncGenerator<readonly ExportedEntry[]> {
      for (let n = 1; n <= 500; n++) {
        yield await Promise.resolve([
          { ...plain!, position: BigInt(n), xml: large.replace('a-tenant', `tenant-${String(n)}`) },
        ]);
      }
      held = await bytesInTheHeap();
    }
    let held = 0;
    const before = await bytesInTheHeap();
    for await (const part of writeParquet(sourceOf(all(), 500), ['event_type', 'tenant', 'categories', 'atom_id'])) {
      expect(part.length).to.be.below(1_000_000);
    }
    expect(held - before).to.be.below(10_000_000);
  });

  it('gives up the dictionary of what is long, and says no least and most of it', async () => {
    const type = (n: number): string => `text/x-${'a'.repeat(100_000)}-${String(n)}`;
    const { file } = await written(entriesOf(40, (n) => ({ content: `<content type="${type(n)}">t</content>` })));
    const [sums] = await duckdb.ask(`
      select count(distinct content_type), count(*) filter (content_type not like '%-' || (position - 1)) from read_parquet('${file}')`);
    expect(sums).to.deep.equal(['40', '0']);
    const [column] = await duckdb.ask(`
      select total_uncompressed_size > 3000000, stats_max_value from parquet_metadata('${file}') where path_in_schema = 'content_type'`);
    expect(column).to.deep.equal([true, null]);
  });

  it('is found to be without what is not in it by its statistics', async () => {
    const terms = ['\u{1F44B}', '\uFFFD', 'z'];
    const { file } = await written(
      entriesOf(3, (n) => ({ categories: [`tid:${terms[n] ?? ''}`] })),
      { rows: 1_000, octets: 1e9 },
    );
    const [bounds] = await duckdb.ask(`
      select stats_min_value, stats_max_value, stats_null_count from parquet_metadata('${file}') where path_in_schema = 'tenant'`);
    // In the order of UTF-8, which JavaScript does not have.
    expect(bounds).to.deep.equal(['z', '\u{1F44B}', '0']);
    for (const term of terms) {
      expect(await duckdb.ask(`select count(*) from read_parquet('${file}') where tenant = '${term}'`)).to.deep.equal([
        ['1'],
      ]);
    }
  });
});
