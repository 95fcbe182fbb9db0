import { expect } from 'chai';
import { copyDatabase } from '../../src/store/copy.js';
import { startApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { EVENT_XSD, addContract, eventContent, retire, send, textOf, violationsIn } from '../support/contracts.js';
import { createDatabase } from '../support/database.js';

describe('copying a database that has contracts', () => {
  it('takes them along, in force, with their numbers and what was checked against them', async () => {
    const [source, target] = [await createDatabase(), await createDatabase('empty')];
    try {
      const before = await startApp({ database: source });
      const feed = await before.feed('moved', { compatibility: 'none' });
      await addContract(before, feed, { kind: 'xsd', schema: EVENT_XSD });
      await addContract(before, feed, { kind: 'json-schema', schema: { description: 'tab\t\\N \\. \u0000 𝄞' } });
      await retire(before, feed, 2);
      const sent = anEntry({ id: 'urn:moved:1', content: eventContent('count="1"') });
      await textOf(await send(before, feed, sent), 201);
      const contracts = await textOf(await before.request(`/admin${feed}/schemas`), 200);
      const whole = await textOf(await before.request(`${feed}/schemas/2`), 200);
      await before.stop();

      await copyDatabase({ connectionString: source.url }, { connectionString: target.url });

      const after = await startApp({ database: target });
      try {
        const told = await textOf(await after.request(`/admin${feed}/schemas`), 200);
        expect(told.replaceAll(after.url, '')).to.equal(contracts.replaceAll(before.url, ''));
        expect(await textOf(await after.request(`${feed}/schemas/2`), 200)).to.equal(whole);
        expect(await textOf(await after.request(`${feed}/entries/urn:moved:1`), 200)).to.contain(`${feed}/schemas/1"`);
        await violationsIn(await send(after, feed, anEntry({ content: eventContent('count="x"') })));
        const added = await addContract(after, feed, { kind: 'json-schema', schema: true });
        expect(added.version).to.equal(3);
      } finally {
        await after.stop();
      }
    } finally {
      await source.drop();
      await target.drop();
    }
  });
});
