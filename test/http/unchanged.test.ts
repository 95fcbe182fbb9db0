import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry, anId } from '../support/build.js';
import { until } from '../support/waiting.js';
import { ENTRY_TYPE, post, publishSome, raiseFloor } from '../support/publish.js';

/** The same numbers each time (Lehmer's generator). */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

describe('what a reader may keep', () => {
  let app: TestApp;
  /** Keeps no pages, so that it shows what there is. */
  let fresh: TestApp;

  before(async () => {
    const env = { PUBLIC_URL: 'http://feeds.example' };
    app = await startApp({ env });
    fresh = await startApp({ database: app.database, env: { ...env, PAGE_CACHE_BYTES: '0' } });
  });
  after(async () => {
    await fresh.stop();
    await app.stop();
  });

  for (const editable of [false, true]) {
    it(`is told to be unchanged only when it is (${editable ? 'editable' : 'ordinary'} feed)`, async function () {
      this.timeout(60_000);
      const path = await app.feed(`unchanged-${String(editable)}`, { editable, public: true, title: 'one' });
      const roll = dice(editable ? 7 : 11);
      const ids: string[] = [];
      /** What a client holds: by URL the tag and the bytes. */
      const held = new Map<string, { etag: string; xml: string }>();
      let hits = 0;

      const change = async (): Promise<void> => {
        const kind = roll(editable ? 6 : 3);
        const id = ids[roll(Math.max(1, ids.length))];
        if (kind <= 2 || id === undefined) {
          const fresh = anId();
          await post(app, path, anEntry({ id: fresh, categories: roll(3) === 0 ? ['rare'] : ['often'] }));
          ids.push(fresh);
        } else if (kind === 3) {
          await app.request(`${path}/entries/${id}`, { method: 'DELETE' });
        } else {
          const headers = { 'content-type': ENTRY_TYPE, 'if-match': '*' };
          const body = anEntry({ id, title: String(roll(1e6)), categories: ['rare'] });
          await app.request(`${path}/entries/${id}`, { method: 'PUT', headers, body });
        }
      };
      const someUrl = (): string => {
        if (roll(8) === 0) return `${path}/archive/${String(1 + roll(4))}`;
        const parts: string[] = [];
        if (roll(2) === 0) parts.push(`limit=${String([1, 3, 10, 60][roll(4)])}`);
        if (roll(3) === 0)
          parts.push(`search=${encodeURIComponent(['+rare', '(!(cat=rare))', '(cat=r*)'][roll(3)] ?? '')}`);
        const place = roll(6);
        if (place < 3) parts.push(`marker=${String(roll(ids.length + 1))}`);
        else if (place === 3) parts.push('marker=last');
        else if (place === 4 && ids.length > 0) parts.push(`marker=${ids[roll(ids.length)] ?? ''}`);
        if (roll(2) === 0) parts.push('direction=backward');
        return `${path}?${parts.join('&')}`;
      };

      for (let round = 0; round < 90; round += 1) {
        await change();
        if (round === 60) for (const node of [app, fresh]) await raiseFloor(node, path, 26);
        if (round === 75) {
          await app.feed(`unchanged-${String(editable)}`, { editable, public: true, title: 'two' });
          await until('the other node to hear of it', async () =>
            (await (await fresh.request(path)).text()).includes('<title>two</title>'),
          );
        }
        const urls = [...[...held.keys()].filter(() => roll(20) === 0), someUrl(), someUrl()];
        for (const url of urls) {
          const truth = await fresh.request(url);
          const xml = await truth.text();
          const plain = await app.request(url, { anonymous: true });
          expect(await plain.text(), `${url} in round ${String(round)}`).to.satisfy(
            (text: string) => text === xml || truth.status !== 200,
          );
          expect(plain.status).to.equal(truth.status);
          const before = held.get(url);
          if (before !== undefined) {
            const response = await app.request(url, { anonymous: true, headers: { 'if-none-match': before.etag } });
            await response.arrayBuffer();
            if (response.status === 304) {
              hits += 1;
              expect(before.xml, `${url} in round ${String(round)}`).to.equal(xml);
            } else {
              expect(response.status).to.equal(truth.status);
            }
          }
          if (plain.status === 200) held.set(url, { etag: plain.headers.get('etag') ?? '', xml });
        }
      }
      // The test means something only when readers do get 304s for pages that are not the head.
      expect(hits).to.be.above(10);
    });
  }

  it('is told to be unchanged for good where it is: a full page of an ordinary feed', async () => {
    const path = await app.feed('closed-pages');
    await publishSome(app, path, 40);
    const urls = ['?marker=0&limit=5', '?marker=10&direction=backward&limit=5', '?marker=last', '/archive/1'];
    const tags = await Promise.all(urls.map(async (url) => (await app.request(path + url)).headers.get('etag') ?? ''));
    await publishSome(app, path, 40);
    for (const [index, url] of urls.entries()) {
      const response = await app.request(path + url, { headers: { 'if-none-match': tags[index] ?? '' } });
      expect(response.status, url).to.equal(304);
    }
  });
});
