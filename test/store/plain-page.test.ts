import { expect } from 'chai';
import pg from 'pg';
import { openPool, reader } from '../../src/store/db.js';
import type { Db, Query } from '../../src/store/db.js';
import { findFeed } from '../../src/store/feeds.js';
import { readPlainPage } from '../../src/store/plain-page.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { entryXml, publish } from '../support/publisher.js';

describe('a page of large entries', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp();
  });

  after(async () => {
    await app.stop();
  });

  it('holds no entry without its text when retention takes some while it is read', async () => {
    const path = await app.feed('large');
    for (const id of ['urn:x:1', 'urn:x:2', 'urn:x:3']) {
      expect((await publish(app.url + path, entryXml(id, 'x'.repeat(2_000)))).status).to.equal(201);
    }
    const pool = openPool({ connectionString: app.database.url }, { size: 1 });
    const admin = new pg.Client({ connectionString: app.database.url });
    await admin.connect();
    try {
      const db = reader(pool);
      const found = await findFeed(db, 'shop', 'large');
      /** Retention at its worst moment: the floor moves and its entries go just before the texts are asked for. */
      let taken = false;
      const overtaken: Db = {
        async query<Row extends unknown[]>(query: Query) {
          if (query.name === 'plain-rest' && !taken) {
            taken = true;
            await admin.query('update heads set first_kept = 3 where feed_id = $1', [found!.feed.id]);
            await admin.query('delete from entries where feed_id = $1 and position < 3', [found!.feed.id]);
          }
          return db.query<Row>(query);
        },
      };
      const page = await readPlainPage(overtaken, found!.feed, 'whole', 'backward', undefined, 25, 10_000);
      expect(taken).to.equal(true);
      expect(page.firstKept).to.equal(3n);
      expect(page.entries.map(({ atomId, xml }) => [atomId, xml.length > 2_000])).to.deep.equal([['urn:x:3', true]]);
    } finally {
      await admin.end();
      await pool.end();
    }
  });
});
