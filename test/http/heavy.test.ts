import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { ATOM } from '../support/atom.js';
import { anEntry, anEntryWithoutId } from '../support/build.js';
import { FEED_TYPE, page, post } from '../support/publish.js';
import { stopwatch } from '../support/stopwatch.js';

const JSON_TYPE = 'application/json';
const MEBIBYTES = 1024 * 1024;
const FORMATS = ['atom', 'cloudfeeds', 'json', 'jsonfeed', 'rss', 'cloudevents', 'html'];

/** What small bodies could make large, or slow, for everybody. */
describe('a heavy entry', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  /** The status alone; the body is read, as a connection is not free before. */
  const statusOf = async (response: Response): Promise<number> => {
    await response.arrayBuffer();
    return response.status;
  };
  /** The answers in every format, each of which has to come soon and be in proportion. */
  const readInAll = async (path: string, mostBytes: number): Promise<void> => {
    for (const format of FORMATS) {
      const took = stopwatch();
      const response = await app.request(`${path}?format=${format}`);
      const { byteLength } = await response.arrayBuffer();
      expect(response.status, format).to.equal(200);
      expect(byteLength, format).to.be.lessThan(mostBytes);
      expect(took(), format).to.be.lessThan(4_000);
    }
  };

  it('whose parts would each need a copy of its namespaces is given as one piece of XML', async () => {
    const path = await app.feed('namespaces');
    const name = `urn:${'x'.repeat(100_000)}`;
    const mixed = `<y:e xmlns:y="urn:y" xmlns:p="${name}">${'<y:a>t<y:b/></y:a>'.repeat(5_000)}</y:e>`;
    const xhtml = `<q:e xmlns:q="urn:q" xmlns:p="${name}">${'<title xmlns="http://www.w3.org/2005/Atom" type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"/></title>'.repeat(500)}</q:e>`;
    for (const more of [mixed, xhtml]) {
      expect(await statusOf(await post(app, path, anEntry({ more })))).to.equal(201);
    }
    await readInAll(path, 3 * MEBIBYTES);
    const { feed } = (await (await app.request(`${path}?format=json`)).json()) as { feed: { entry: unknown[] } };
    for (const entry of feed.entry) expect(entry).to.have.all.keys('@xml');
    // And it can be published so.
    const [entry] = feed.entry;
    const again = await post(app, await app.feed('namespaces-again'), JSON.stringify({ entry }), {
      'content-type': JSON_TYPE,
    });
    expect(await statusOf(again)).to.equal(201);
  });

  it('with a base of a megabyte for a thousand references', async () => {
    const path = await app.feed('base');
    const body = anEntry({
      attributes: `xml:base="http://example.org/${'a'.repeat(MEBIBYTES)}/"`,
      more: '<author><name>n</name><uri>u</uri></author>'.repeat(1_000),
    });
    expect(await statusOf(await post(app, path, body))).to.equal(201);
    await readInAll(path, 10 * MEBIBYTES);
  });

  it('with a media type that is mostly spaces', async () => {
    const path = await app.feed('spaces');
    for (const type of [`a/b${' '.repeat(500_000)}`, `a/b${' '.repeat(500_000)};`, `text/x${' '.repeat(500_000)}`]) {
      const took = stopwatch();
      const response = await post(app, path, anEntry({ content: `<summary/><content type="${type}">AAAA</content>` }));
      await response.arrayBuffer();
      expect(took()).to.be.lessThan(2_000);
      expect(response.status).to.be.oneOf([201, 422]);
    }
    await readInAll(path, 10 * MEBIBYTES);
  });

  it('of more elements than can be held is refused, in each form', async () => {
    const path = await app.feed('elements');
    const elements = 50_001;
    const xml = anEntry({ more: `<x xmlns="">${'<a/>'.repeat(elements)}</x>` });
    expect(await statusOf(await post(app, path, xml))).to.equal(422);
    const json = `{"entry": {"@type": "${ATOM}", "content": "c", "x": {"@type": "urn:x", "a": [${'{},'.repeat(elements)}{}]}}}`;
    const response = await post(app, path, json, { 'content-type': JSON_TYPE });
    expect(response.status).to.equal(422);
    expect(await response.text()).to.include('more than 50000 elements');
    const larger = await post(app, path, json.replace('[', `[${'{},'.repeat(400_000)}`), { 'content-type': JSON_TYPE });
    expect(await statusOf(larger)).to.equal(413);
    expect((await page(app, path)).ids).to.deep.equal([]);
  });

  it('in a feed document that would give each entry a lot is refused', async () => {
    const path = await app.feed('inherited');
    const entries = anEntryWithoutId().replace(/^.*\n/, '').repeat(2_000);
    const long = 'x'.repeat(10_000);
    for (const [attributes, inner] of [
      [` xmlns:p="urn:${long}"`, ''],
      [` xml:base="http://example.org/${long}"`, ''],
      ['', `<author><name>${long}</name></author>`],
      ['', '<author><name>a</name></author>'.repeat(300)],
    ] as const) {
      const body = `<feed xmlns="${ATOM}"${attributes}>${inner}${entries}</feed>`;
      const response = await post(app, path, body, { 'content-type': FEED_TYPE });
      expect(response.status).to.equal(422);
      expect(await response.text()).to.include('at most 8192');
    }
    const many = await post(app, path, `<feed xmlns="${ATOM}">${entries.repeat(3)}</feed>`, {
      'content-type': FEED_TYPE,
    });
    expect(await statusOf(many)).to.equal(413);
  });

  it('of JSON, eight at once, holds nobody up for long, and takes no memory that is not there', async () => {
    const path = await app.feed('parallel');
    const numbers = `[${'1,'.repeat(450_000)}1]`;
    const objects = `[${'{},'.repeat(300_000)}{}]`;
    const payload = (json: string): string =>
      `{"entry": {"@type": "${ATOM}", "content": {"type": "application/json", "@text": ${json}}}}`;
    const event = (json: string, id: string): string =>
      `{"specversion": "1.0", "id": "${id}", "source": "/s", "type": "t", "data": ${json}}`;
    const answers = Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const json = n % 2 === 0 ? numbers : objects;
        const [body, type] =
          n % 4 < 2 ? [payload(json), JSON_TYPE] : [event(json, String(n)), 'application/cloudevents+json'];
        const response = await post(app, path, body, { 'content-type': type, accept: 'application/atom+xml' });
        return statusOf(response);
      }),
    );
    let worst = 0;
    const watch = { done: false };
    void answers.finally(() => (watch.done = true));
    while (!watch.done) {
      const began = performance.now();
      await (await app.request('/healthz')).arrayBuffer();
      worst = Math.max(worst, performance.now() - began);
    }
    expect(new Set(await answers)).to.deep.equal(new Set([201]));
    // All at once they would take many seconds; other tests run beside this one.
    expect(worst).to.be.lessThan(4_000);
  }).timeout(60_000);
});
