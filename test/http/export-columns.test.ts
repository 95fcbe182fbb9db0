import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry, anId } from '../support/build.js';
import {
  EVENT_XSD,
  addContract,
  eventContent,
  feedOf,
  jsonContent,
  mistakesIn,
  postContract,
  refusalIn,
  retire,
  send,
} from '../support/contracts.js';
import { deleteFeed } from '../support/deletion.js';
import { openDuckDb } from '../support/duckdb.js';
import { publish, publishAll } from '../support/publish.js';
import { bearing, issue } from '../support/tokens.js';

type Row = Readonly<Record<string, unknown>>;

/** What is taken of any JSON. */
const jsonContract = (columns: object, more: object = {}): object => ({
  kind: 'json-schema',
  schema: true,
  columns,
  ...more,
});

const ORDER = {
  order: { path: '/order', type: 'integer' },
  amount: { path: '/amount', type: 'number' },
  paid: { path: '/paid', type: 'boolean' },
  at: { path: '/times/0', type: 'timestamp' },
  customer: { path: '/customer/id', type: 'string' },
};
const ORDER_COLUMNS = 'x_order,x_amount,x_paid,x_at,x_customer';

describe('columns that an export takes from the content', function () {
  this.timeout(60_000);
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const nameOf = (feed: string): string => feed.replace('/feeds/', '');

  async function rows(feed: string, columns: string, init: RequestInit = {}): Promise<Row[]> {
    const response = await app.request(`/export?feeds=${nameOf(feed)}&columns=${columns}`, init);
    const text = await response.text();
    expect(response.status, text).to.equal(200);
    const lines = text.trimEnd().split('\n');
    expect(lines.pop()).to.include('"kind":"end"');
    return lines.map((line) => JSON.parse(line) as Row);
  }

  async function publishJson(feed: string, ...contents: readonly unknown[]): Promise<void> {
    await publishAll(
      app,
      feed,
      contents.map((content) => ({ content: jsonContent(content) })),
    );
  }

  async function refused(query: string): Promise<string> {
    const response = await app.request(`/export?${query}`);
    return (await refusalIn(response, 400, 'bad-parameter')).detail;
  }

  it('have the types that the contract says, in NDJSON and CSV', async () => {
    const feed = await feedOf(app, [jsonContract(ORDER)]);
    await publishJson(
      feed,
      { order: 1, amount: 12.5, paid: true, times: ['2026-03-12T10:00:00+01:00'], customer: { id: 'a, "b"' } },
      '{"order": 9007199254740993, "amount": "7", "paid": "false", "customer": {"id": 4711.10}}',
      { order: 1.5, amount: [1], paid: 'no', times: ['yesterday'], customer: { id: {} } },
      {},
      5,
    );
    const nothing = { x_order: null, x_amount: null, x_paid: null, x_at: null, x_customer: null };
    expect(await rows(feed, `position,${ORDER_COLUMNS}`)).to.deep.equal([
      {
        position: 1,
        x_order: 1,
        x_amount: 12.5,
        x_paid: true,
        x_at: '2026-03-12T09:00:00.000Z',
        x_customer: 'a, "b"',
      },
      // JSON.parse rounds it; the text below has it.
      { position: 2, x_order: 9007199254740992, x_amount: 7, x_paid: false, x_at: null, x_customer: '4711.10' },
      { position: 3, ...nothing },
      { position: 4, ...nothing },
      { position: 5, ...nothing },
    ]);
    const csv = await app.request(`/export?feeds=${nameOf(feed)}&columns=${ORDER_COLUMNS},position&format=csv`);
    expect((await csv.text()).split('\r\n').slice(0, 4)).to.deep.equal([
      `${ORDER_COLUMNS},position`,
      '1,12.5,true,2026-03-12T09:00:00.000Z,"a, ""b""",1',
      '9007199254740993,7,false,,4711.10,2',
      ',,,,,3',
    ]);
  });

  it('come of XML by XPath, with the namespaces of the contract', async () => {
    const feed = await feedOf(app, [
      {
        kind: 'xsd',
        schema: EVENT_XSD,
        namespaces: { e: 'urn:example:event' },
        columns: {
          tenant: { path: '@tenantId', type: 'string' },
          count: { path: '@count', type: 'integer' },
          first: { path: 'e:item/@qty', type: 'integer' },
          total: { path: 'sum(e:item/@qty)', type: 'number' },
          many: { path: 'count(e:item) > 1', type: 'boolean' },
          none: { path: 'e:nothing', type: 'string' },
          updated: { path: '../../atom:updated', type: 'timestamp' },
        },
      },
    ]);
    const updated = '2026-03-12T10:00:00.000Z';
    const content = eventContent('tenantId="T &amp; 1" count=" 7 "', '<item qty="3"/><item qty="4"/>');
    await publish(app, feed, { updated, content });
    await publish(app, feed, { updated, content: eventContent('count="0"') });
    expect(await rows(feed, 'x_tenant,x_count,x_first,x_total,x_many,x_none,x_updated')).to.deep.equal([
      { x_tenant: 'T & 1', x_count: 7, x_first: 3, x_total: 7, x_many: true, x_none: null, x_updated: updated },
      { x_tenant: null, x_count: 0, x_first: null, x_total: 0, x_many: false, x_none: null, x_updated: updated },
    ]);
  });

  it('come of XML by JSON Pointer too, as the mapping has it, and of JSON in Base64', async () => {
    const columns = {
      value: { path: '/reading/value', type: 'number' },
      meter: { path: '/reading/meter', type: 'string' },
    };
    const feed = await feedOf(app, [jsonContract(columns)]);
    const xml =
      '<content type="application/xml"><reading xmlns="urn:m" value="4.5"><meter>m-1</meter></reading></content>';
    const base64 = Buffer.from(JSON.stringify({ reading: { value: 5 } })).toString('base64');
    await publish(app, feed, { content: xml });
    const content = `<content type="application/json">${base64}</content><summary>s</summary>`;
    await publish(app, feed, { content });
    expect(await rows(feed, 'x_value,x_meter')).to.deep.equal([
      { x_value: 4.5, x_meter: 'm-1' },
      { x_value: 5, x_meter: null },
    ]);
  });

  it('are typed in Parquet, and add up to what was published', async () => {
    const feed = await feedOf(app, [jsonContract(ORDER)]);
    const count = 3_000;
    const orders = Array.from({ length: count }, (_, n) => ({
      order: n,
      ...(n % 3 === 0 ? {} : { amount: n / 4 }),
      ...(n % 5 === 0 ? {} : { paid: n % 7 === 0 }),
      times: [new Date(Date.UTC(2026, 0, 1) + n * 1_001).toISOString()],
      customer: { id: `c-${String(n % 11)}` },
    }));
    await publishJson(feed, ...orders);
    const response = await app.request(
      `/export?feeds=${nameOf(feed)}&columns=position,${ORDER_COLUMNS}&format=parquet`,
    );
    expect(response.status).to.equal(200);
    const directory = await mkdtemp(join(tmpdir(), 'millrace-columns-'));
    const duckdb = await openDuckDb();
    try {
      const file = join(directory, 'rows.parquet');
      await writeFile(file, Buffer.from(await response.arrayBuffer()));
      const from = `from read_parquet('${file}')`;
      const described = await duckdb.ask(`describe select * ${from}`);
      expect(Object.fromEntries(described.map(([name, type]) => [name, type]))).to.deep.equal({
        position: 'BIGINT',
        x_order: 'BIGINT',
        x_amount: 'DOUBLE',
        x_paid: 'BOOLEAN',
        x_at: 'TIMESTAMP WITH TIME ZONE',
        x_customer: 'VARCHAR',
      });
      const sum = orders.reduce((all, { amount = 0 }) => all + amount, 0);
      const paid = orders.filter((order) => order.paid === true).length;
      expect(
        await duckdb.ask(
          `select sum(x_amount), count(x_amount), count(*) filter (x_paid), count(x_paid), count(*) ${from}`,
        ),
      ).to.deep.equal([[sum, '2000', String(paid), '2400', String(count)]]);
      const wrong = await duckdb.ask(
        `select count(*) ${from}
          where x_order <> position - 1
             or x_paid is distinct from case when x_order % 5 = 0 then null else x_order % 7 = 0 end
             or epoch_ms(x_at) <> epoch_ms(timestamptz '2026-01-01T00:00:00Z') + x_order * 1001
             or x_customer <> 'c-' || (x_order % 11)`,
      );
      expect(wrong).to.deep.equal([['0']]);
      expect(await duckdb.ask(`select count(*) ${from} where x_amount > 700 and not x_paid`)).to.deep.equal([
        [String(orders.filter(({ amount = 0, paid: one }) => amount > 700 && one === false).length)],
      ]);
    } finally {
      duckdb.close();
      await rm(directory, { recursive: true });
    }
  });

  it('are found by the version that an entry was checked against, else by the newest that has them', async () => {
    const feed = await app.feed('versions', { editable: true });
    await publishJson(feed, { was: 0, is: 10 });
    await addContract(app, feed, { kind: 'json-schema', schema: true });
    await publishJson(feed, { was: 1, is: 11 });
    await addContract(app, feed, jsonContract({ n: { path: '/was', type: 'integer' } }));
    await publishJson(feed, { was: 2, is: 12 });
    await addContract(app, feed, jsonContract({ n: { path: '/is', type: 'integer' } }));
    await publishJson(feed, { was: 3, is: 13 });
    await addContract(app, feed, jsonContract({ other: { path: '/was', type: 'string' } }));
    await publishJson(feed, { was: 4, is: 14 });
    await retire(app, feed, 2);
    const posted = await send(app, feed, anEntry({ content: jsonContent({ is: 15 }) }));
    await app.request(posted.headers.get('location') ?? '', { method: 'DELETE' });
    const found = await rows(feed, 'schema_version,x_n,x_other,kind');
    expect(found.map(({ schema_version: version, x_n: n, x_other: other }) => [version, n, other])).to.deep.equal([
      [null, 10, '0'],
      [1, 11, '1'],
      [2, 2, '2'],
      [3, 13, '3'],
      [4, 14, '4'],
      [4, 15, null],
      [null, null, null],
    ]);
    expect(found.at(-1)?.['kind']).to.equal('tombstone');
  });

  it('keep their type in all versions of a feed, whatever its compatibility says', async () => {
    const feed = await feedOf(app, [jsonContract({ n: { path: '/n', type: 'integer' } })], { compatibility: 'none' });
    await retire(app, feed, 1);
    const other = jsonContract({ n: { path: '/m', type: 'string' } });
    const { detail, errors } = await refusalIn(await postContract(app, feed, other), 409, 'incompatible-contract');
    expect(detail).to.equal(
      '"n" must be of the type integer, as in version 1: a column keeps its type in all versions of a feed',
    );
    expect(errors[0]).to.include({ path: '/columns/n/type', rule: 'column-type-changed', version: 1 });
    const tried = await postContract(app, feed, other, '?dry-run=true');
    expect(await tried.json()).to.deep.include({ compatible: false });
    await addContract(app, feed, jsonContract({ n: { path: '/m', type: 'integer' } }));
  });

  it('are part of the contract as it is shown, and registering it again is safe', async () => {
    const contract = jsonContract(ORDER);
    const feed = await feedOf(app, [contract]);
    const shown = await app.request(`${feed}/schemas/1?format=contract`);
    const text = await shown.text();
    expect((JSON.parse(text) as Row)['columns']).to.deep.equal(ORDER);
    expect((await postContract(app, feed, text)).status).to.equal(200);
    expect((await postContract(app, feed, contract)).status).to.equal(200);
  });

  it('are refused in a contract where they are wrong', async () => {
    const feed = await app.feed('mistaken');
    for (const [columns, path] of [
      [{ n: { path: 'n', type: 'integer' } }, '/columns/n/path'],
      [{ n: { path: '/n', type: 'decimal' } }, '/columns/n/type'],
      [{ n: { path: '/n' } }, '/columns/n'],
      [{ 'x-y': { path: '/n', type: 'string' } }, '/columns'],
      [{ N: { path: '/n', type: 'string' } }, '/columns'],
    ] as const) {
      const [mistake] = await mistakesIn(await postContract(app, feed, jsonContract(columns)));
      expect(mistake?.path, JSON.stringify(columns)).to.match(new RegExp(`^${path}`));
    }
    const xml = { kind: 'xsd', schema: EVENT_XSD, columns: { n: { path: 'item[', type: 'string' } } };
    expect((await mistakesIn(await postContract(app, feed, xml)))[0]?.path).to.equal('/columns/n/path');
    const unbound = { ...xml, columns: { n: { path: 'nobody:item', type: 'string' } } };
    expect((await mistakesIn(await postContract(app, feed, unbound)))[0]?.path).to.equal('/columns/n/path');
  });

  it('are refused where nobody has them, and where feeds have them of several types', async () => {
    const one = await feedOf(app, [
      jsonContract({ n: { path: '/n', type: 'integer' }, a: { path: '', type: 'string' } }),
    ]);
    const other = await feedOf(app, [jsonContract({ n: { path: '/n', type: 'string' } })]);
    const plain = await app.feed('without-columns');
    const both = `${nameOf(one)},${nameOf(other)}`;
    expect(await refused(`feeds=${nameOf(one)}&columns=x_no`)).to.equal(
      'the contracts of these feeds have no column "x_no"; they have x_a, x_n',
    );
    expect(await refused(`feeds=${nameOf(plain)}&columns=x_constructor`)).to.equal(
      'the contracts of these feeds have no column "x_constructor"; they have no columns',
    );
    expect(await refused(`feeds=${both}&columns=x_n`)).to.equal(
      `the column "x_n" is of the type integer in ${nameOf(one)}, and of the type string in ${nameOf(other)}: export them apart`,
    );
    expect(await refused(`feeds=${nameOf(one)}&columns=n`)).to.include('there is no column "n"');
    await publishJson(other, { n: 'b' });
    await publishJson(one, { n: 1 });
    expect(await rows(both.replace('/feeds/', ''), 'feed,x_a')).to.have.lengthOf(2);
  });

  it('have no value that the contract keeps from who asks', async () => {
    const contract = jsonContract(
      { open: { path: '/open', type: 'string' }, secret: { path: '/secret/n', type: 'integer' } },
      { private: ['/secret'] },
    );
    const feed = await feedOf(app, [contract]);
    await publish(app, feed, { categories: ['tid:1'], content: jsonContent({ open: 'o', secret: { n: 5 } }) });
    const xml = await feedOf(app, [
      {
        kind: 'xsd',
        schema: EVENT_XSD,
        private: ['@tenantId'],
        columns: {
          tenant: { path: '@tenantId', type: 'string' },
          around: { path: 'string(/*/*/*/@tenantId)', type: 'string' },
          count: { path: '@count', type: 'integer' },
        },
      },
    ]);
    await publish(app, xml, { categories: ['tid:1'], content: eventContent('tenantId="secret" count="7"') });
    const token = await issue(app, [{ role: 'exporter', workspace: 'shop', tenants: ['1'] }]);
    const own = { headers: bearing(token) };
    expect(await rows(feed, 'x_open,x_secret')).to.deep.equal([{ x_open: 'o', x_secret: 5 }]);
    expect(await rows(feed, 'x_open,x_secret', own)).to.deep.equal([{ x_open: 'o', x_secret: null }]);
    const columns = 'x_tenant,x_around,x_count';
    expect(await rows(xml, columns)).to.deep.equal([{ x_tenant: 'secret', x_around: 'secret', x_count: 7 }]);
    expect(await rows(xml, columns, own)).to.deep.equal([{ x_tenant: null, x_around: '', x_count: 7 }]);
    // A later version keeps more to itself, and the columns of the older one with it.
    await addContract(app, feed, { ...contract, private: ['/secret', '/open'] });
    expect(await rows(feed, 'x_open,x_secret', own)).to.deep.equal([{ x_open: null, x_secret: null }]);
  });

  it('are refused rather than left empty where a contract takes too long, and hold up nobody else', async () => {
    const slow = await feedOf(app, [
      {
        kind: 'relax-ng',
        schema:
          '<element name="list" xmlns="http://relaxng.org/ns/structure/1.0"><zeroOrMore><element name="a"><empty/></element></zeroOrMore></element>',
        columns: {
          slow: { path: 'count(//*[count(//*[count(//*) > 0]) > 0])', type: 'integer' },
          size: { path: 'count(a)', type: 'integer' },
        },
      },
    ]);
    const good = await feedOf(app, [jsonContract(ORDER)]);
    await publishJson(good, { order: 1 });
    const list = `<list xmlns="">${'<a/>'.repeat(5_000)}</list>`;
    await publish(app, slow, { content: `<content type="application/xml">${list}</content>` });
    const late = app.request(`/export?feeds=${nameOf(slow)}&columns=x_slow`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const from = performance.now();
    expect((await app.request(good)).status).to.equal(200);
    expect(performance.now() - from).to.be.below(2_000);
    const { detail } = await refusalIn(await late, 503, 'unavailable');
    expect(detail).to.match(/^x_slow of shop\/\S+ cannot be told now: version 1 of its contract was cut off/);
    const again = performance.now();
    const { detail: resting } = await refusalIn(
      await app.request(`/export?feeds=${nameOf(slow)}&columns=x_slow`),
      503,
      'unavailable',
    );
    expect(resting).to.include('less than a minute ago');
    expect(performance.now() - again).to.be.below(2_000);
    expect(await rows(slow, 'x_size')).to.deep.equal([{ x_size: 5_000 }]);
    expect(await rows(good, 'x_order')).to.deep.equal([{ x_order: 1 }]);
  });

  it('are no reason to give other rows than there are: what cannot be told ends the answer without its end', async () => {
    const feed = await feedOf(app, [
      {
        kind: 'xsd',
        schema:
          '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="l"><xs:complexType><xs:sequence><xs:element name="a" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element></xs:schema>',
        columns: { size: { path: 'count(//*[count(//*[count(//*) > 0]) > 0])', type: 'integer' } },
      },
    ]);
    const list = (length: number): { content: string } => ({
      content: `<content type="application/xml"><l xmlns="">${'<a/>'.repeat(length)}</l></content>`,
    });
    await publishAll(app, feed, [...Array.from({ length: 2_500 }, () => list(10)), list(5_000)]);
    // What codes it may hold all of it back.
    const headers = { 'accept-encoding': 'identity' };
    const columns = 'position,x_size,content_xml,content_json,atom_id,workspace,feed,recorded_at,updated';
    const response = await app.request(`/export?feeds=${nameOf(feed)}&columns=${columns}`, { headers });
    expect(response.status).to.equal(200);
    let text = '';
    const read = async (): Promise<void> => {
      for await (const piece of response.body!) text += Buffer.from(piece).toString();
    };
    expect(await read().catch((error: unknown) => error)).to.be.instanceOf(Error);
    const lines = text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Row);
    expect(lines.length).to.be.within(1, 2_500);
    expect(lines.map(({ position, x_size: size }) => [position, size])).to.deep.equal(
      lines.map((_, n) => [n + 1, lines[0]?.['x_size']]),
    );
    expect(lines[0]?.['x_size']).to.be.a('number');
  });

  describe('of a named export', () => {
    const put = (name: string, body: object): Promise<Response> =>
      app.request(`/admin/exports/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const batch = async (name: string): Promise<{ rows: Row[]; text: string; end: Row }> => {
      const response = await app.request(`/export/${name}`);
      const text = await response.text();
      expect(response.status, text).to.equal(200);
      const lines = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Row);
      const end = lines.pop() ?? {};
      return { rows: lines, text, end };
    };
    const acknowledge = async (name: string, { end }: { end: Row }): Promise<void> => {
      const response = await app.request(`/export/${name}/ack`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(end),
      });
      expect(response.status, await response.text()).to.equal(200);
    };

    it('are looked up when it is made, shown with their types, and the same in a batch each time', async () => {
      const feed = await feedOf(app, [jsonContract({ n: { path: '/a', type: 'integer' } })]);
      const feeds = [nameOf(feed)];
      const { detail } = await refusalIn(await put('cols', { feeds, columns: ['x_m'] }), 400, 'bad-parameter');
      expect(detail).to.equal('the contracts of these feeds have no column "x_m"; they have x_n');
      const made = await put('cols', { feeds, columns: ['position', 'x_n'] });
      expect(made.status).to.equal(201);
      expect(await made.json()).to.deep.include({
        columns: ['position', 'x_n'],
        columnTypes: { x_n: 'integer' },
      });
      await addContract(app, feed, { kind: 'json-schema', schema: true });
      await publishJson(feed, { a: 1, b: 11 }, { a: 2, b: 12 });
      const first = await batch('cols');
      expect(first.rows).to.deep.equal([
        { position: 1, x_n: 1 },
        { position: 2, x_n: 2 },
      ]);
      await addContract(app, feed, jsonContract({ n: { path: '/b', type: 'integer' } }));
      expect((await batch('cols')).text).to.equal(first.text);
      await acknowledge('cols', first);
      await publishJson(feed, { a: 3, b: 13 });
      expect((await batch('cols')).rows).to.deep.equal([{ position: 3, x_n: 13 }]);
    });

    it('are null for a feed that comes in with another type, and stay when the feed has gone', async () => {
      const workspace = 'columns-come-and-go';
      const headers = { 'content-type': 'application/json' };
      const make = async (name: string, type: string): Promise<string> => {
        for (const path of [`workspaces/${workspace}`, `feeds/${workspace}/${name}`]) {
          expect((await app.request(`/admin/${path}`, { method: 'PUT', headers, body: '{}' })).ok).to.equal(true);
        }
        await addContract(app, `/feeds/${workspace}/${name}`, jsonContract({ n: { path: '/n', type } }));
        return `/feeds/${workspace}/${name}`;
      };
      const one = await make('one', 'integer');
      const definition = { feeds: [`${workspace}/*`], columns: ['feed', 'x_n'] };
      expect((await put('come', definition)).status).to.equal(201);
      const other = await make('other', 'string');
      await publishJson(one, { n: 1 });
      await publishJson(other, { n: '2' });
      const first = await batch('come');
      expect(first.rows).to.deep.equal([
        { feed: 'one', x_n: 1 },
        { feed: 'other', x_n: null },
      ]);
      await acknowledge('come', first);
      expect((await deleteFeed(app, one)).ok).to.equal(true);
      expect((await put('come', { ...definition, batchRows: 5 })).status).to.equal(200);
      await publishJson(other, { n: '3' });
      expect((await batch('come')).rows).to.deep.equal([{ feed: 'other', x_n: null }]);
    });
  });

  it('are of entries that no contract has checked too, where these have content that it finds them in', async () => {
    const feed = await app.feed('unchecked');
    await publish(app, feed, { id: anId(), content: '<content>text</content>' });
    await publish(app, feed, {
      content: '<content type="application/json" src="http://example.org/x"/><summary>s</summary>',
    });
    await publish(app, feed, { content: jsonContent('{"order": 1, "order": 2}') });
    await addContract(app, feed, jsonContract(ORDER));
    expect((await rows(feed, 'x_order')).map((row) => row['x_order'])).to.deep.equal([null, null, 2]);
  });
});
