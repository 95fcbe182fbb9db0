import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXPORT_COLUMNS } from '../../src/formats/export/export-row.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { childOf, childrenOf } from '../support/atom.js';
import type { Element } from '../support/atom.js';
import { anEntry } from '../support/build.js';
import { openDuckDb } from '../support/duckdb.js';
import type { DuckDb } from '../support/duckdb.js';
import { post, publish, publishAll, walk } from '../support/publish.js';
import { fixtures } from '../unit/formats/fixtures.js';

const TYPES = {
  workspace: 'VARCHAR',
  feed: 'VARCHAR',
  position: 'BIGINT',
  atom_id: 'VARCHAR',
  event_type: 'VARCHAR',
  tenant: 'VARCHAR',
  categories: 'VARCHAR[]',
  published: 'TIMESTAMP WITH TIME ZONE',
  updated: 'TIMESTAMP WITH TIME ZONE',
  recorded_at: 'TIMESTAMP WITH TIME ZONE',
  kind: 'VARCHAR',
  schema_version: 'INTEGER',
  content_type: 'VARCHAR',
  content_xml: 'VARCHAR',
  content_json: 'VARCHAR',
};

const WIDE = 'naïve 数 👋 \u{10FFFD} "quoted", and\u00A0more';

describe('the export for a warehouse', function () {
  this.timeout(60_000);
  let app: TestApp;
  let duckdb: DuckDb;
  let directory: string;
  before(async () => {
    app = await startApp();
    duckdb = await openDuckDb();
    directory = await mkdtemp(join(tmpdir(), 'millrace-export-'));
    await publishMuch();
  });
  after(async () => {
    duckdb.close();
    await rm(directory, { recursive: true });
    await app.stop();
  });

  /** Feeds of all that there is: usual events, JSON, many entries, long ones, some that are changed and deleted. */
  async function publishMuch(): Promise<void> {
    for (const name of ['events', 'more-events']) {
      const path = await app.feed(name);
      for (const { body } of fixtures()) expect((await post(app, path, body)).status).to.equal(201);
    }
    const many = await app.feed('many');
    await publishAll(
      app,
      many,
      Array.from({ length: 1_500 }, (_, n) => ({
        title: String(n),
        categories: n % 7 === 0 ? [] : [`tid:${String(n % 40)}`, `type:event.${String(n % 5)}`, WIDE],
        ...(n % 3 === 0
          ? {}
          : {
              published: `2026-03-${String((n % 28) + 1).padStart(2, '0')}T10:00:00.${String(n % 1000).padStart(3, '0')}+01:00`,
            }),
        content: `<content>${WIDE} ${'x'.repeat(n % 300)} ${String(n)}</content>`,
      })),
    );
    const large = await app.feed('large');
    // Of what does not compress.
    const noise = Array.from({ length: 120_000 }, (_, n) => Math.sin(n).toString(36).slice(3)).join('');
    await publish(app, large, { content: `<content type="text">${noise.slice(0, 1_300_000)}</content>` });
    await publish(app, large, { content: '<content type="application/xml"><e xmlns="urn:e">after it</e></content>' });
    const edited = await app.feed('edited', { editable: true });
    const headers = { 'content-type': 'application/atom+xml' };
    const posted = await post(app, edited, anEntry({ id: 'urn:edited', content: '<content>first</content>' }));
    const put = await app.request(posted.headers.get('location') ?? '', {
      method: 'PUT',
      headers: { ...headers, 'if-match': posted.headers.get('etag') ?? '' },
      body: anEntry({ id: 'urn:edited', content: '<content>second</content>' }),
    });
    expect(put.status).to.equal(200);
    await publish(app, edited, { id: 'urn:stays' });
    expect((await app.request(posted.headers.get('location') ?? '', { method: 'DELETE' })).ok).to.equal(true);
    await app.feed('empty');
  }

  const answerTo = (query: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const sent = { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers };
      get(`${app.url}/export?${query}`, { headers: sent }, resolve).on('error', reject);
    });

  let made = 0;
  async function download(
    query: string,
    headers: Record<string, string> = {},
  ): Promise<{ file: string; answer: IncomingMessage }> {
    const answer = await answerTo(query, headers);
    const pieces: Buffer[] = [];
    for await (const piece of answer) pieces.push(piece as Buffer);
    expect(answer.statusCode, Buffer.concat(pieces).toString().slice(0, 1_000)).to.equal(200);
    made += 1;
    const file = join(directory, `${String(made)}.export`);
    await writeFile(file, Buffer.concat(pieces));
    return { file, answer };
  }

  const parquet = (file: string): string => `read_parquet('${file}')`;
  const ndjson = (file: string, compression = 'uncompressed'): string => {
    const columns = Object.entries({ ...TYPES, content_json: 'JSON' }).map(([name, type]) => `${name}: '${type}'`);
    return `read_json('${file}', format = 'newline_delimited', compression = '${compression}', columns = {${columns.join(', ')}})`;
  };

  async function namesAndTypes(file: string): Promise<Record<string, unknown>> {
    const rows = await duckdb.ask(`describe select * from ${parquet(file)}`);
    return Object.fromEntries(rows.map(([name, type]) => [String(name), type]));
  }

  async function told(file: string): Promise<Record<string, string>> {
    const rows = await duckdb.ask(`select decode(key), decode(value) from parquet_kv_metadata('${file}')`);
    return Object.fromEntries(rows) as Record<string, string>;
  }

  it('is in Parquet what the feeds are page by page', async () => {
    const { file, answer } = await download('feeds=shop/*&format=parquet');
    expect(answer.headers).to.include({ 'content-type': 'application/vnd.apache.parquet' });
    expect(await namesAndTypes(file)).to.deep.equal(TYPES);

    const textOf = (entry: Element, name: string): string | null => childrenOf(entry, name)[0]?.text ?? null;
    const ms = (text: string | null): string | null => (text === null ? null : String(Date.parse(text)));
    for (const feed of ['events', 'more-events', 'many', 'large']) {
      const pages = await walk(app, `/feeds/shop/${feed}?limit=500`, 'next');
      const entries = pages.flatMap((page) => page.entries).toReversed();
      const said = entries.map((entry, index) => [
        String(index + 1),
        childOf(entry, 'id').text,
        childrenOf(entry, 'category').map(({ attributes }) => attributes['term']),
        ms(textOf(entry, 'published')),
        ms(textOf(entry, 'updated')),
      ]);
      const rows = await duckdb.ask(`
        select position, atom_id, categories, epoch_ms(published), epoch_ms(updated)
          from ${parquet(file)} where feed = '${feed}' order by position`);
      expect(rows, feed).to.deep.equal(said);
      const texts = entries
        .map((entry) => childrenOf(entry, 'content')[0])
        .filter((content) => content?.attributes['type'] === undefined || content.attributes['type'] === 'text')
        .reduce((sum, content) => sum + [...(content?.text ?? '')].length, 0);
      const [totals] = await duckdb.ask(`
        select count(*), sum(position), sum(length(content_json->>'$')) filter (content_type = 'text/plain')
          from ${parquet(file)} where feed = '${feed}'`);
      const sum = (entries.length * (entries.length + 1)) / 2;
      expect(totals, feed).to.deep.equal([String(entries.length), String(sum), texts === 0 ? null : String(texts)]);
    }
    const edited = await duckdb.ask(`
      select position, kind, atom_id, content_json->>'$', updated is not null
        from ${parquet(file)} where feed = 'edited' order by position`);
    expect(edited).to.deep.equal([
      ['1', 'entry', 'urn:edited', 'first', true],
      ['2', 'revision', 'urn:edited', 'second', true],
      ['3', 'entry', 'urn:stays', 'something happened', true],
      ['4', 'tombstone', 'urn:edited', null, true],
    ]);
    expect((await walk(app, '/feeds/shop/edited', 'next')).flatMap(({ ids }) => ids)).to.deep.equal([
      '-urn:edited',
      'urn:stays',
    ]);
  });

  it('has the same rows in Parquet, NDJSON and NDJSON in zstd', async () => {
    const { file } = await download('feeds=shop/*&format=parquet');
    const lines = (await download('feeds=shop/*')).file;
    const coded = await download('feeds=shop/*', { 'accept-encoding': 'gzip, deflate, br, zstd' });
    expect(coded.answer.headers).to.include({ 'content-encoding': 'zstd', 'content-type': 'application/x-ndjson' });
    // DuckDB writes JSON that it reads from NDJSON anew.
    const columns = EXPORT_COLUMNS.map((name) => (name === 'content_json' ? 'json(content_json)::varchar' : name)).join(
      ', ',
    );
    const rowsOf = (table: string): string => `select ${columns} from ${table} where kind <> 'end'`;
    for (const others of [ndjson(lines), ndjson(coded.file, 'zstd')]) {
      const [counts] = await duckdb.ask(`
        select (select count(*) from ${parquet(file)}),
               (select count(*) from ${others} where kind <> 'end'),
               (select count(*) from (${rowsOf(parquet(file))} except all ${rowsOf(others)})),
               (select min(recorded_at) = (select min(recorded_at) from ${others}) from ${parquet(file)})`);
      expect(counts).to.deep.equal(['1538', '1538', '0', true]);
    }
    // As docs/export.md shows it.
    const [usual] = await duckdb.ask(`
      select event_type, count(*), max(content_json->>'$.event.startTime')
        from ${parquet(file)} where event_type like 'compute%' group by all order by all`);
    expect(usual).to.deep.equal(['compute.instances.server.usage', '2', '2024-03-11T14:00:00Z']);
    const [statistics] = await duckdb.ask(`
      select count(distinct row_group_id), min(stats_min_value::bigint), max(stats_max_value::bigint)
        from parquet_metadata('${file}') where path_in_schema = 'position'`);
    expect(statistics).to.deep.equal(['1', '1', '1500']);
  });

  it('has the token to go on from in the file, and in the trailers', async () => {
    const { file, answer } = await download('feeds=shop/many&format=parquet&limit=1100');
    const { 'millrace.after': after, ...others } = await told(file);
    expect(answer.trailers).to.deep.include({
      'millrace-export-after': after,
      'millrace-export-complete': 'false',
      'millrace-export-until': others['millrace.until'],
      'millrace-export-rows': '1100',
    });
    expect(others).to.deep.include({ 'millrace.complete': 'false', 'millrace.rows': '1100', 'millrace.lost': '[]' });
    const rest = await download(`feeds=shop/many&format=parquet&after=${String(after)}`);
    const both = `read_parquet(['${file}', '${rest.file}'])`;
    expect(
      await duckdb.ask(`select count(*), count(distinct position), min(position), max(position) from ${both}`),
    ).to.deep.equal([['1500', '1500', '1', '1500']]);
  });

  it('is a file where there are no rows, and one of the columns that are wanted', async () => {
    const { file } = await download('feeds=shop/empty&format=parquet');
    expect(await duckdb.ask(`select count(*) from ${parquet(file)}`)).to.deep.equal([['0']]);
    expect(await namesAndTypes(file)).to.deep.equal(TYPES);
    expect(await told(file)).to.include({ 'millrace.rows': '0', 'millrace.complete': 'false' });
    const some = (await download('feeds=shop/many&format=parquet&columns=content_json,position,categories')).file;
    expect(Object.keys(await namesAndTypes(some))).to.deep.equal(['content_json', 'position', 'categories']);
    expect(await duckdb.ask(`select sum(position), count(content_json) from ${parquet(some)}`)).to.deep.equal([
      ['1125750', '1500'],
    ]);
  });

  it('is no file to any reader when it was cut off', async () => {
    const { file } = await download('feeds=shop/large&format=parquet');
    const whole = await readFile(file);
    for (const length of [4, whole.length >> 1, whole.length - 1]) {
      const cut = join(directory, `cut-${String(length)}`);
      await writeFile(cut, whole.subarray(0, length));
      const read = duckdb.ask(`select count(*) from ${parquet(cut)}`).then(
        () => 'read',
        (error: unknown) => String(error),
      );
      expect(await read, String(length)).to.match(/magic bytes|too small/);
    }
  });

  it('is Parquet by Accept too, never coded again, and only its head to HEAD', async () => {
    const headers = { accept: 'application/vnd.apache.parquet', 'accept-encoding': 'gzip, br, zstd' };
    const { file, answer } = await download('feeds=shop/events', headers);
    expect(answer.headers['content-encoding']).to.equal(undefined);
    expect(await duckdb.ask(`select count(*) from ${parquet(file)}`)).to.deep.equal([['16']]);
    const head = await app.request('/export?feeds=shop/events&format=parquet', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).to.deep.equal([200, 'application/vnd.apache.parquet']);
  });

  it('is in zstd what it is without, in frames that any reader takes for one', async () => {
    const plain = (await download('feeds=shop/*&format=csv')).file;
    const { file, answer } = await download('feeds=shop/*&format=csv', { 'accept-encoding': 'zstd' });
    expect(answer.headers['content-encoding']).to.equal('zstd');
    expect((await stat(file)).size).to.be.lessThan((await stat(plain)).size / 2);
    const csv = `header = true, all_varchar = true, delim = ',', quote = '"', escape = '"', max_line_size = 4194304`;
    const rowsOf = (path: string, compression: string): string =>
      `select * from read_csv('${path}', ${csv}, compression = '${compression}')`;
    const [counts] = await duckdb.ask(`
      select (select count(*) from (${rowsOf(file, 'zstd')})),
             (select count(*) from (${rowsOf(file, 'zstd')} except all ${rowsOf(plain, 'none')}))`);
    expect(counts).to.deep.equal(['1538', '0']);
  });

  it('lets go of the log when its reader goes', async () => {
    const answer = await answerTo('feeds=shop/*&format=parquet');
    await once(answer, 'data');
    answer.destroy();
    expect((await app.request('/feeds/shop/events')).status).to.equal(200);
  });

  it('knows zstd for the export only: pages are in gzip or Brotli', async () => {
    for (const [accepted, coding] of [
      ['zstd, br', 'br'],
      ['zstd, gzip', 'gzip'],
      ['zstd', null],
    ] as const) {
      const page = await app.request('/feeds/shop/many', { headers: { 'accept-encoding': accepted } });
      expect(page.headers.get('content-encoding'), accepted).to.equal(coding);
      await page.arrayBuffer();
    }
  });
});
