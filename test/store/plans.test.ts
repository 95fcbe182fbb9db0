import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { aFeedOf, anEntry } from '../support/build.js';
import { ask } from '../support/log.js';
import { sideBySide } from '../support/side-by-side.js';

/** A session that has nothing to do reports what it has read ten seconds later at the latest, the clock of a busy machine allowed for. */
const REPORTED_MS = 11_000;

describe('statements that were planned while the log was empty', function () {
  this.timeout(90_000);

  const together = sideBySide();
  let lanes = 0;

  /** Each with a database of its own, as they wait for long. */
  function test(title: string, work: (app: TestApp) => Promise<void>): void {
    together(lanes++, title, async () => {
      const app = await startApp({ env: { PAGE_CACHE_BYTES: '0' } });
      try {
        await work(app);
      } finally {
        await app.stop();
      }
    });
  }

  async function post(app: TestApp, path: string, type: string, body: string): Promise<void> {
    const response = await app.request(path, { method: 'POST', headers: { 'content-type': type }, body });
    expect(response.status, await response.text()).to.equal(201);
  }

  /** Rows of the log's tables that were looked at so far. */
  async function rowsRead({ database }: TestApp): Promise<number> {
    await sleep(REPORTED_MS);
    const [row] = await ask<{ read: string }>(
      database.url,
      `select sum(seq_tup_read) +
              (select sum(idx_tup_read) from pg_stat_user_indexes where relname in ('members', 'entries', 'ticks', 'entry_terms')) as read
         from pg_stat_user_tables
        where relname in ('members', 'entries', 'ticks', 'entry_terms')`,
    );
    return Number(row?.read);
  }

  for (const editable of [false, true]) {
    test(`look at a few rows each, however much is in it by now (${editable ? 'editable' : 'ordinary'} feed)`, async (app) => {
      const feed = await app.feed(editable ? 'edited' : 'plain', { public: true, editable });
      const use = async (round: number): Promise<void> => {
        const id = `urn:x:${String(editable)}:${String(round)}`;
        await post(app, feed, 'application/atom+xml', anEntry({ id, categories: ['tid:1', 'rare'] }));
        for (const query of [
          '',
          '?marker=0',
          `?marker=${id}&direction=backward`,
          '?search=%2Brare',
          '?search=%2Btid:*',
          // In the middle of the log, as soon as it has one.
          ...['', '&search=%2Btid:2', '&search=%2Btid:*%2Brare'].flatMap((search) => {
            const middle = round < 2 ? id : `urn:x:${String(editable)}:2:1`;
            return [`?marker=${middle}${search}`, `?marker=${middle}&direction=backward${search}`];
          }),
        ]) {
          expect((await app.request(`${feed}${query}`)).status).to.equal(200);
        }
        if (!editable) return;
        const member = `${feed}/entries/${encodeURIComponent(id)}`;
        const headers = { 'content-type': 'application/atom+xml', 'if-match': '*' };
        const body = anEntry({ id, title: 'edited', categories: ['tid:1', 'rare'] });
        expect((await app.request(member, { method: 'PUT', headers, body })).status).to.equal(200);
        if (round % 2 === 0) expect((await app.request(member, { method: 'DELETE' })).status).to.equal(204);
      };
      // Every statement is planned by now, on as many connections as one client gets.
      await use(0);
      await use(1);
      for (let batch = 0; batch < 4; batch++) {
        const entries = Array.from({ length: 1_000 }, (_, index) => ({
          id: `urn:x:${String(editable)}:${String(batch)}:${String(index)}`,
          categories: ['tid:2'],
        }));
        await post(app, feed, 'application/atom+xml;type=feed', aFeedOf(entries));
      }
      const before = await rowsRead(app);
      // Eleven pages and what is written: one statement that looks at the whole log would have 4,000 more.
      for (let round = 2; round < 6; round++) await use(round);
      expect(((await rowsRead(app)) - before) / 4).to.be.below(editable ? 4_000 : 1_500);
    });
  }

  test('look at a few rows for a batch of a named export, and for how far it is behind', async (app) => {
    const headers = { 'content-type': 'application/json' };
    const send = async (method: string, path: string, body: object): Promise<void> => {
      const response = await app.request(path, { method, headers, body: JSON.stringify(body) });
      expect(response.status, await response.text()).to.be.below(300);
    };
    const use = async (): Promise<void> => {
      const text = await (await app.request('/export/planned')).text();
      await send('POST', '/export/planned/ack', JSON.parse(text.trimEnd().split('\n').at(-1)!) as object);
      expect((await app.request('/admin/exports/planned')).status).to.equal(200);
    };
    for (const name of ['one', 'two']) await app.feed(`exported-${name}`);
    await send('PUT', '/admin/exports/planned', {
      feeds: ['shop/exported-one', 'shop/exported-two'],
      batchRows: 20,
    });
    // Planned while there is nothing.
    await use();
    await use();
    for (let batch = 0; batch < 150; batch++) {
      const entries = Array.from({ length: 20 }, () => ({}));
      await post(
        app,
        `/feeds/shop/exported-${batch % 2 === 0 ? 'one' : 'two'}`,
        'application/atom+xml;type=feed',
        aFeedOf(entries),
      );
    }
    for (let round = 0; round < 3; round++) await use();
    const before = await rowsRead(app);
    for (let round = 0; round < 5; round++) await use();
    expect(((await rowsRead(app)) - before) / 5).to.be.below(1_500);
  });

  test('look at a few rows for what a workspace has used, however often it was published to', async (app) => {
    const put = async (path: string, body: object): Promise<void> => {
      const headers = { 'content-type': 'application/json' };
      const response = await app.request(path, { method: 'PUT', headers, body: JSON.stringify(body) });
      expect(response.status, await response.text()).to.equal(201);
    };
    await put('/admin/workspaces/limited', { quotas: { entriesPerDay: 1_000 } });
    await put('/admin/feeds/limited/one', {});
    const look = async (): Promise<void> => {
      // One after the other: those that are asked for at the same time are read together.
      for (let n = 0; n < 20; n++) expect((await app.request('/admin/workspaces/limited')).status).to.equal(200);
    };
    await look();
    for (let n = 0; n < 200; n++) await post(app, '/feeds/limited/one', 'application/atom+xml', anEntry());
    const before = await rowsRead(app);
    await look();
    expect((await rowsRead(app)) - before).to.be.below(200);
  });
});
