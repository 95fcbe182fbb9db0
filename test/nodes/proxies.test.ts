import { expect } from 'chai';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { startNode } from '../support/node-process.js';
import { until } from '../support/waiting.js';

describe('the client in the log', function () {
  this.timeout(60_000);

  let database: TestDatabase;

  before(async () => {
    database = await createDatabase();
  });
  after(() => database.drop());

  for (const [what, settings, client] of [
    ['is the connection, whatever is claimed', {}, '127.0.0.1'],
    ['is whom a trusted proxy names', { TRUSTED_PROXIES: 'loopback' }, '203.0.113.7'],
  ] as const) {
    it(what, async () => {
      const node = await startNode({ DATABASE_URL: database.url, LOG_LEVEL: 'info', ...settings });
      try {
        const headers = { 'x-forwarded-for': '192.0.2.99, 203.0.113.7', forwarded: 'for=192.0.2.98' };
        await (await fetch(`${node.url}/healthz`, { headers })).arrayBuffer();
        await until('it is logged', () => node.output().includes('"url":"/healthz"'));
        expect(node.output()).to.contain(`"client":"${client}"`).and.not.to.contain('192.0.2.9');
      } finally {
        expect(await node.stop()).to.equal(0);
      }
    });
  }
});
