import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { EVENT, EVENT_JSON_SCHEMA, EVENT_XSD, addContract } from '../support/contracts.js';
import { ask } from '../support/log.js';
import { post, publish, publishSome } from '../support/publish.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

const PAGES = ['atom', 'json', 'cloudfeeds', 'jsonfeed', 'rss', 'html', 'cloudevents'];
const ENTRIES = ['atom', 'json', 'cloudfeeds', 'html', 'cloudevents'];
/** But for the digits of an instant or of a UUID, which have them once in a while. */
const SECRETS = /(?<![\da-f.-])(?:4711|0815)(?![\da-f-])/;

const xml = (attributes: string, inner = ''): string =>
  `<content type="application/xml"><event xmlns="${EVENT}" ${attributes}>${inner}</event></content>`;

describe('what a contract calls private', function () {
  this.timeout(60_000);
  let app: TestApp;
  let bound: Record<string, string>;

  before(async () => {
    app = await startApp();
    bound = bearing(await issue(app, [{ role: 'reader', workspace: 'shop', tenants: ['T'] }]));
  });
  after(() => app.stop());

  const open = (url: string): Promise<Response> => app.request(url, { anonymous: true });
  const asTenant = (url: string): Promise<Response> => app.request(url, { headers: bound });

  /** Looks at a feed and one of its entries in every representation. */
  async function look(path: string, id: string, get: (url: string) => Promise<Response>): Promise<Map<string, string>> {
    const texts = new Map<string, string>();
    const add = async (url: string): Promise<void> => {
      const response = await get(url);
      expect(response.status, url).to.equal(200);
      texts.set(url, decoded(await response.text()));
    };
    for (const format of PAGES) await add(`${path}?format=${format}`);
    for (const format of ENTRIES) await add(`${path}/entries/${id}?format=${format}`);
    return texts;
  }

  /** The text with what may be in Base64 in it, once and twice. */
  function decoded(text: string): string {
    const inner = [...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([found]) =>
      Buffer.from(found, 'base64').toString(),
    );
    return [text, ...inner].join('\n');
  }

  async function isHidden(path: string, id: string): Promise<void> {
    for (const get of [open, asTenant]) {
      for (const [url, text] of await look(path, id, get)) expect(text, url).not.to.match(SECRETS);
    }
    for (const [url, text] of await look(path, id, (url) => app.request(url))) {
      // Feed readers' formats show no values of a content.
      if (!/jsonfeed|rss/.test(url)) expect(text, url).to.match(SECRETS);
    }
  }

  it('is in no representation of XML, for who sees a part: attributes and elements', async () => {
    const path = await app.feed('xml', { public: true });
    const namespaces = { e: EVENT };
    // The second looks at what the first names: both are found before anything goes.
    const names = ['@count', 'e:item[../@count > 4000]', 'e:item/@qty'];
    await addContract(app, path, { kind: 'xsd', schema: EVENT_XSD, namespaces, private: names });
    const id = await publish(app, path, {
      id: 'urn:private:xml',
      title: 'of <xml> & \u{1f600}',
      categories: ['tid:T'],
      content: xml('tenantId="T" count="4711"', '<item qty="815"/><item qty="0815"/>'),
    });
    await isHidden(path, id);
    const text = await (await open(`${path}/entries/${id}`)).text();
    expect(text).to.match(/<event xmlns="urn:example:event" tenantId="T"\s*\/>/);
    expect(text).to.contain('of &lt;xml&gt; &amp; \u{1f600}');
  });

  it('is in no representation of JSON, inline or in Base64', async () => {
    for (const inlineJson of [false, true]) {
      const path = await app.feed(inlineJson ? 'inline' : 'base64', { public: true, inlineJson });
      await addContract(app, path, {
        kind: 'json-schema',
        schema: true,
        private: ['/event/card', '/event/lines/1/code'],
      });
      const json = { event: { card: 4711, lines: [{ code: 1 }, { code: '0815' }], open: 'yes' } };
      const response = await app.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          entry: {
            '@type': 'http://www.w3.org/2005/Atom',
            id: 'urn:private:json',
            category: [{ term: 'tid:T' }],
            content: { type: 'application/json', '@text': json },
          },
        }),
      });
      expect(response.status, await response.text()).to.equal(201);
      await isHidden(path, 'urn:private:json');
      const shown = await (await open(`${path}/entries/urn:private:json?format=json`)).text();
      expect(shown).to.contain('"open":"yes"').and.to.contain('"lines":[{"code":1},{}]');
    }
  });

  it('is in no representation of XML under a JSON contract', async () => {
    const path = await app.feed('mapped', { public: true });
    const names = ['/event/count', '/event/item/0/qty'];
    await addContract(app, path, { kind: 'json-schema', schema: EVENT_JSON_SCHEMA, private: names });
    const id = await publish(app, path, {
      id: 'urn:private:mapped',
      categories: ['tid:T'],
      content: xml('count="4711" tenantId="T"', '<item qty="815"/>'),
    });
    const text = await (await open(`${path}/entries/${id}`)).text();
    expect(text).to.contain('<event xmlns="urn:example:event" tenantId="T"><item/></event>');
    await isHidden(path, id);
  });

  it('is what the version said that let an entry in, and what the active one says', async () => {
    const path = await app.feed('versions', { public: true });
    const early = await publish(app, path, { categories: ['tid:T'], content: xml('count="4711"') });
    const add = (names: string[]): Promise<unknown> =>
      addContract(app, path, { kind: 'xsd', schema: EVENT_XSD, private: names });
    await add(['@count']);
    expect(await (await open(`${path}/entries/${early}`)).text(), 'from before').not.to.match(SECRETS);
    const first = await publish(app, path, { categories: ['tid:T'], content: xml('count="4711" tenantId="0815"') });
    await add(['@tenantId']);
    const text = await (await open(path)).text();
    expect(text).not.to.contain('0815');
    expect(await (await open(`${path}/entries/${first}`)).text(), 'of both').not.to.match(SECRETS);
    const archive = await app.feed('archived', { public: true });
    await addContract(app, archive, { kind: 'xsd', schema: EVENT_XSD, private: ['@count'] });
    for (let n = 0; n < 25; n += 1) await publish(app, archive, { content: xml('count="4711"') });
    expect(await (await open(`${archive}/archive/1`)).text())
      .to.contain('<event')
      .and.not.to.match(SECRETS);
    expect(await (await app.request(`${archive}/archive/1`)).text()).to.match(SECRETS);
  });

  it('leaves an entry an entry, whatever is named', async () => {
    const path = await app.feed('greedy', { public: true });
    const names = ['//node()', '//@*', '/*', '.'];
    await addContract(app, path, { kind: 'xsd', schema: EVENT_XSD, private: names });
    const id = await publish(app, path, { content: xml('count="4711"', '<item qty="1"/>') });
    const response = await open(`${path}/entries/${id}`);
    expect(response.status).to.equal(200);
    const text = await response.text();
    expect(text)
      .to.contain(`<id>${id}</id>`)
      .and.to.contain('<content type="application/xml"')
      .and.not.to.match(SECRETS);
  });

  it('may be in the author or the title, of which is left what an entry cannot do without', async () => {
    const show = async (name: string, names: string[], more: string): Promise<string> => {
      const path = await app.feed(name, { public: true });
      await addContract(app, path, {
        kind: 'xsd',
        schema: EVENT_XSD,
        namespaces: { a: 'http://www.w3.org/2005/Atom' },
        private: names,
      });
      const sent = anEntry({ id: 'urn:private:who', content: xml('count="1"'), more });
      const response = await post(app, path, sent);
      expect(response.status, await response.text()).to.equal(201);
      for (const [url, text] of await look(path, 'urn:private:who', open)) expect(text, url).not.to.match(SECRETS);
      return (await open(`${path}/entries/urn:private:who`)).text();
    };
    const author = '<author><name>Ada</name><email>4711@example.org</email><uri>urn:0815</uri></author>';
    const title = '<title>the 4711</title>';
    const parts = await show(
      'parts',
      ['../../a:author/a:email', '../../a:author/a:uri', '../../a:title'],
      author + title,
    );
    expect(parts).to.match(/<author><name>Ada<\/name><\/author><title\s*\/>/);
    const whole = await show('whole', ['../../a:author', '../../a:title/text()'], author + title);
    expect(whole).to.match(/<author><name>Ada<\/name><\/author><title\s*\/>/);
    const div = '<div xmlns="http://www.w3.org/1999/xhtml">4711</div>';
    const xhtml = await show(
      'xhtml',
      ['../../a:title/*', '../../a:id', '../../a:author/a:name'],
      `<title type="xhtml">${div}</title><author><name>Ada</name></author>`,
    );
    expect(xhtml)
      .to.match(/<title\s*\/>/)
      .and.to.contain('<id>urn:private:who</id>')
      .and.to.contain('<name>Ada</name>');
  });

  it('is not shown either where this node has not heard of the version that an entry was checked against', async () => {
    const path = await app.feed('unheard', { public: true });
    const id = await publish(app, path, { categories: ['tid:T', 'x:y'], content: xml('count="4711"') });
    await ask(app.database.url, 'update entries set schema_version = 7 where atom_id = $1', [id]);
    for (const url of [`${path}/entries/${id}`, `${path}?search=(cat=x:y)`, `${path}/T`]) {
      const refused = await open(url);
      expect([refused.status, refused.headers.get('retry-after')], url).to.deep.equal([503, '1']);
      expect((await app.request(url)).status, url).to.equal(url.endsWith('T') ? 503 : 200);
    }
  });

  describe('or closes, while a request waits for its turn,', () => {
    /** Pages of this one cannot be read while the table is locked, and take all the turns that there are. */
    let slow: string;
    let pages = 0;
    before(async () => {
      slow = await app.feed('slow');
      await publish(app, slow, { categories: ['tid:T'] });
    });

    const misses = async (): Promise<number> =>
      Number(/^millrace_page_cache_misses_total (\d+)$/m.exec(await (await app.request('/metrics')).text())?.[1]);

    /** The answer to a request of nobody known that had to wait for its turn while something else was done. */
    async function afterWaiting(url: string, meanwhile: () => Promise<unknown>): Promise<Response> {
      const client = new pg.Client({ connectionString: app.database.url });
      await client.connect();
      try {
        await client.query('begin');
        await client.query('lock table entry_terms in access exclusive mode');
        const before = await misses();
        const others = [1, 2].map(() => app.request(`${slow}/T?format=json&limit=${String((pages += 1))}`));
        await until('others have the turns', async () => (await misses()) === before + 2);
        const answer = open(url);
        if (url.includes('/entries/')) await sleep(300);
        else await until('it waits', async () => (await misses()) === before + 3);
        await meanwhile();
        await client.query('rollback');
        for (const other of others) expect((await other).status).to.equal(200);
        return await answer;
      } finally {
        await client.end();
      }
    }

    for (const [what, urlOf] of [
      ['page', (path: string) => path],
      ['archived page', (path: string) => `${path}/archive/1`],
      ['entry', (path: string, id: string) => `${path}/entries/${id}`],
    ] as const) {
      it(`is hidden: ${what === 'page' ? 'a' : 'an'} ${what}`, async () => {
        const name = `waited-${what.replace(' ', '-')}`;
        const path = await app.feed(name, { public: true });
        await publishSome(app, path, 24);
        const id = await publish(app, path, { title: 'this', content: xml('count="4711"') });
        const contract = { kind: 'xsd', schema: EVENT_XSD, private: ['@count'] };
        const shown = await afterWaiting(`${urlOf(path, id)}?format=json`, () => addContract(app, path, contract));
        expect(shown.status).to.equal(200);
        expect(decoded(await shown.text()))
          .to.contain('this')
          .and.not.to.match(SECRETS);
        const refused = await afterWaiting(`${urlOf(path, id)}?format=html`, () => app.feed(name, { public: false }));
        expect(refused.status).to.equal(401);
        await refused.arrayBuffer();
      });
    }
  });
});
