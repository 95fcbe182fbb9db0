import { expect } from 'chai';
import type pg from 'pg';
import { makeTokenMemory } from '../../src/http/auth/token-memory.js';
import type { TokenMemory } from '../../src/http/auth/token-memory.js';
import { openPool, reader } from '../../src/store/db.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { issue } from '../support/tokens.js';

describe('the memory of tokens', () => {
  let app: TestApp;
  let pool: pg.Pool;

  before(async () => {
    app = await startApp();
    pool = openPool({ connectionString: app.database.url }, { size: 4 });
  });
  after(async () => {
    await pool.end();
    await app.stop();
  });

  const aMemory = (most: number): TokenMemory =>
    makeTokenMemory({
      db: reader(pool),
      noteUse: () => Promise.resolve(),
      logger: createLogger('silent'),
      most,
    });

  it('keeps those that are good, however many are made up or revoked', async () => {
    const memory = aMemory(10);
    const good = await issue(app, [{ role: 'reader' }]);
    expect(await memory.ask(good.token)).not.to.equal(null);
    const madeUp = Array.from({ length: 40 }, (_, n) => `mrt_${n.toString(16).padStart(16, '0')}_${'A'.repeat(43)}`);
    for (const token of madeUp) expect(await memory.ask(token)).to.equal(null);
    for (let n = 0; n < 12; n++) {
      const { id, token } = await issue(app, [{ role: 'reader' }]);
      await app.request(`/admin/tokens/${id}`, { method: 'DELETE' });
      expect(await memory.ask(token)).to.equal(null);
    }
    expect(memory.recognises(good.token)).to.equal(true);
    expect(memory.recognises(madeUp[39] ?? '')).to.equal(false);
  });

  it('answers for those that are none without asking again, for a second', async () => {
    const memory = aMemory(10);
    const madeUp = `mrt_${'f'.repeat(16)}_${'A'.repeat(43)}`;
    expect(memory.peek(madeUp)).to.equal(undefined);
    const askedAt = performance.now();
    expect(await memory.ask(madeUp)).to.equal(null);
    const peeked = memory.peek(madeUp);
    if (performance.now() - askedAt < 900) expect(peeked).to.equal(null);
  });

  it('forgets that a token was good when it is revoked', async () => {
    const memory = aMemory(10);
    const { id, token } = await issue(app, [{ role: 'reader' }]);
    expect(await memory.ask(token)).not.to.equal(null);
    expect(memory.recognises(token)).to.equal(true);
    await app.request(`/admin/tokens/${id}`, { method: 'DELETE' });
    expect(await memory.ask(token)).to.equal(null);
    expect(memory.recognises(token)).to.equal(false);
    expect(memory.peek(token) ?? null).to.equal(null);
  });
});
