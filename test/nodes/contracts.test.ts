import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { EVENT_XSD, addContract, eventContent, retire, send, textOf, violationsIn } from '../support/contracts.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { deleteFeed } from '../support/deletion.js';
import { until } from '../support/waiting.js';

const SECONDS = 2;

describe('a contract on two nodes', () => {
  let database: TestDatabase;
  let nodes: readonly [TestApp, TestApp];

  before(async () => {
    database = await createDatabase();
    nodes = [await startApp({ database }), await startApp({ database })];
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await database.drop();
  });

  const status = async (node: TestApp, feed: string, count: string): Promise<number> => {
    const response = await send(node, feed, anEntry({ content: eventContent(`count="${count}"`) }));
    await response.arrayBuffer();
    return response.status;
  };

  it('is in force on the other within a second or so of its registration', async () => {
    const [one, other] = nodes;
    const feed = await one.feed('added', { public: true });
    // Both know the feed, without a contract.
    expect(await status(one, feed, 'x')).to.equal(201);
    expect(await status(other, feed, 'x')).to.equal(201);
    await addContract(one, feed, { kind: 'xsd', schema: EVENT_XSD });
    expect(await status(one, feed, 'x')).to.equal(422);
    await until('the other node knows of it', async () => (await status(other, feed, 'x')) === 422, SECONDS);
    expect(await status(other, feed, '1')).to.equal(201);
    expect(await textOf(await other.request(`${feed}/schemas/1`), 200)).to.equal(EVENT_XSD);
    expect(await textOf(await other.request(feed), 200)).to.contain('/schemas/1');
  });

  it('is out of force on the other as soon when it is retired, and back again', async () => {
    const [one, other] = nodes;
    const feed = await one.feed('retired');
    await addContract(one, feed, { kind: 'xsd', schema: EVENT_XSD });
    await until('it is in force', async () => (await status(other, feed, 'x')) === 422, SECONDS);
    await retire(one, feed, 1);
    await until('it is no longer', async () => (await status(other, feed, 'x')) === 201, SECONDS);
    await retire(other, feed, 1, false);
    expect(await status(other, feed, 'x')).to.equal(422);
    await until('it is again', async () => (await status(one, feed, 'x')) === 422, SECONDS);
  });

  it('may be added to by both at the same time, each version once', async () => {
    const feed = await nodes[0].feed('both', { compatibility: 'none' });
    const added = await Promise.all(
      [1, 2, 3, 4].map((maximum) =>
        addContract(nodes[maximum % 2] as TestApp, feed, { kind: 'json-schema', schema: { maximum } }),
      ),
    );
    expect(added.map(({ version }) => version).sort()).to.deep.equal([1, 2, 3, 4]);
  });

  it('of a feed that is deleted on one and made again is not in force on the other', async () => {
    const [one, other] = nodes;
    const feed = await one.feed('reborn');
    await addContract(one, feed, { kind: 'xsd', schema: EVENT_XSD });
    await until('it is in force', async () => (await status(other, feed, 'x')) === 422, SECONDS);
    await textOf(await deleteFeed(one, feed, { purge: true }), 204);
    await one.feed('reborn');
    await until('it is not in force', async () => (await status(other, feed, 'x')) === 201, SECONDS);
    const added = await addContract(other, feed, { kind: 'xsd', schema: EVENT_XSD.replace('xs:int"', 'xs:long"') });
    expect(added.version).to.equal(2);
    const [error] = await violationsIn(await send(other, feed, anEntry({ content: eventContent('count="x"') })));
    expect(error?.expected).to.equal('a value of xs:long');
  });
});
