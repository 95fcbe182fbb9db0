import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { startProxy } from '../support/proxy.js';
import type { Proxy } from '../support/proxy.js';
import { FEED_TYPE, entryXml, feedXml, publish } from '../support/publisher.js';
import { until } from '../support/waiting.js';

/** Nothing is kept of what was rendered: each page is made of entries. */
const ENV = { PUBLIC_URL: 'http://feeds.example.org', PAGE_CACHE_BYTES: '0' };

describe('what a node has just written', function () {
  this.timeout(60_000);

  let database: TestDatabase;
  let proxy: Proxy;
  let writer: TestApp;
  let reader: TestApp;

  before(async () => {
    database = await createDatabase();
    proxy = await startProxy(database.url);
    writer = await startApp({ database: { ...database, url: proxy.url }, env: ENV });
    reader = await startApp({ database, env: ENV });
  });

  after(async () => {
    await writer.stop();
    await reader.stop();
    await proxy.stop();
    await database.drop();
  });

  async function pageOf(app: TestApp, url: string) {
    const response = await app.request(url, { anonymous: true });
    const { status, headers } = response;
    const body = await response.text();
    // A problem names its request.
    return { status, etag: headers.get('etag'), link: headers.get('link'), body: status === 200 ? body : '' };
  }

  it('is shown as the database would show it, whatever is asked for', async () => {
    const feed = await writer.feed('recent', { public: true });
    let count = 0;
    const add = async (app: TestApp, entries: number): Promise<void> => {
      const ids = Array.from({ length: entries }, () => ({ id: `urn:x:${String(count++)}`, content: 'x'.repeat(500) }));
      const [first] = ids;
      const answer =
        entries === 1 && first !== undefined
          ? await publish(app.url + feed, entryXml(first.id, first.content))
          : await publish(app.url + feed, feedXml(ids), { type: FEED_TYPE });
      expect(answer.status).to.equal(201);
    };
    const steps: readonly (readonly [TestApp, number])[] = [
      ...[1, 1, 3, 30].map((entries) => [writer, entries] as const),
      [reader, 2],
      ...[1, 40, 1, 130, 1].map((entries) => [writer, entries] as const),
    ];
    for (const [app, entries] of steps) {
      await add(app, entries);
      await until('both know of it', async () => {
        const [one, other] = await Promise.all([pageOf(writer, feed), pageOf(reader, feed)]);
        return one.etag === other.etag;
      });
      for (const limit of ['', '&limit=1', '&limit=40']) {
        const places = [0, 1, 2, 24, 25, 63, 64, 65, 130].map((back) => count - back).filter((at) => at >= 0);
        const queries = places.flatMap((at) => [
          `?marker=${String(at)}&direction=forward${limit}`,
          `?marker=${String(at)}&direction=backward${limit}`,
        ]);
        for (const query of [
          ...queries,
          `?marker=last${limit}`,
          `?marker=${String(count + 1)}${limit}`,
          limit.replace('&', '?'),
        ]) {
          expect(await pageOf(writer, feed + query), query).to.deep.equal(await pageOf(reader, feed + query));
        }
      }
    }
  });

  it('is shown to those who follow the feed without asking the database', async () => {
    const feed = await writer.feed('followed', { public: true });
    for (const id of ['urn:x:1', 'urn:x:2', 'urn:x:3']) {
      expect((await publish(writer.url + feed, entryXml(id))).status).to.equal(201);
    }
    // Asked for anew each second; with the database away there is no answer to that.
    await pageOf(writer, feed);
    proxy.stall(true);
    try {
      const { status, body } = await pageOf(writer, `${feed}?marker=1&direction=forward`);
      expect(status).to.equal(200);
      expect(body).to.contain('urn:x:3').and.not.contain('urn:x:1<');
    } finally {
      proxy.stall(false);
    }
  });

  it('is not shown from memory where entries may change', async () => {
    const feed = await writer.feed('edited', { public: true, editable: true });
    for (const id of ['urn:x:1', 'urn:x:2']) {
      expect((await publish(writer.url + feed, entryXml(id))).status).to.equal(201);
    }
    expect((await writer.request(`${feed}/entries/urn%3Ax%3A2`, { method: 'DELETE' })).status).to.equal(204);
    expect(await pageOf(writer, feed)).to.deep.equal(await pageOf(reader, feed));
  });
});
