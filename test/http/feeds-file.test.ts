import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError } from '../../src/core/start-error.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { readAudit } from '../support/audit.js';
import { anEntry } from '../support/build.js';
import { EVENT_XSD, addContract, eventContent, jsonEntry, send, textOf } from '../support/contracts.js';
import { deleteFeed } from '../support/deletion.js';
import { createDatabase } from '../support/database.js';
import { page, publish } from '../support/publish.js';

const READY = fileURLToPath(new URL('../../schemas/contracts', import.meta.url));

describe('contracts, quotas and grants in the feeds file', function () {
  this.timeout(60_000);
  let app: TestApp;
  let directory: string;
  let file: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-feeds-'));
    file = join(directory, 'feeds.yaml');
    await writeFile(file, 'workspaces: []');
    app = await startApp({ env: { FEEDS_FILE: file } });
  });
  after(async () => {
    await app.stop();
    await rm(directory, { recursive: true });
  });

  const write = (feeds: unknown, more: Record<string, unknown> = {}): Promise<void> =>
    writeFile(file, JSON.stringify({ workspaces: [{ name: 'shop', feeds, ...more }] }));
  const apply = async (feeds: unknown, more: Record<string, unknown> = {}): Promise<void> => {
    await write(feeds, more);
    await app.running.reload();
  };
  const refusal = async (feeds: unknown): Promise<string> => {
    await write(feeds);
    return app.running.reload().then(
      () => expect.fail('it was applied'),
      (error: unknown) => {
        if (error instanceof StartError) return error.message;
        throw error;
      },
    );
  };
  const versions = async (name: string, node = app): Promise<string[]> => {
    const response = await node.request(`/admin/feeds/shop/${name}/schemas`);
    if (response.status === 404) return [];
    const { versions } = JSON.parse(await textOf(response, 200)) as { versions: { version: number; state: string }[] };
    return versions.map(({ version, state }) => `${String(version)} ${state}`);
  };
  const maximum = (n: number): Record<string, unknown> => ({
    kind: 'json-schema',
    schema: { type: 'object', properties: { n: { maximum: n } } },
  });

  it('are applied once, and again only when they differ', async () => {
    await apply([{ name: 'orders', contract: maximum(1) }]);
    expect(await versions('orders')).to.deep.equal(['1 active']);
    expect((await send(app, '/feeds/shop/orders', jsonEntry({ n: 2 }), 'application/json')).status).to.equal(422);
    await app.running.reload();
    await apply([{ name: 'orders', title: 'Orders', contract: maximum(1) }]);
    expect(await versions('orders')).to.deep.equal(['1 active']);
    await apply([{ name: 'orders', contract: maximum(2) }]);
    expect(await versions('orders')).to.deep.equal(['1 accepted', '2 active']);
    await apply([{ name: 'orders' }]);
    expect(await versions('orders')).to.deep.equal(['1 accepted', '2 active']);
    expect((await send(app, '/feeds/shop/orders', jsonEntry({ n: 2 }), 'application/json')).status).to.equal(201);
  });

  it('are found in files beside it: a schema, or a folder as the ready ones are', async () => {
    await mkdir(join(directory, 'contracts'));
    await writeFile(join(directory, 'contracts', 'event.xsd'), EVENT_XSD);
    await apply([
      { name: 'events', contract: { kind: 'xsd', schemaFile: 'contracts/event.xsd' } },
      { name: 'usage', contract: { folder: join(READY, 'usage-event') } },
      { name: 'sales', contract: { folder: join(READY, 'order-event') } },
    ]);
    for (const name of ['events', 'usage', 'sales']) expect(await versions(name)).to.deep.equal(['1 active']);
    const wrong = anEntry({ content: eventContent('count="x"') });
    expect((await send(app, '/feeds/shop/events', wrong)).status).to.equal(422);
    await app.running.reload();
    for (const name of ['events', 'usage', 'sales']) expect(await versions(name)).to.deep.equal(['1 active']);
  });

  it('with mistakes change nothing, and all of them are told with their places', async () => {
    await apply([{ name: 'strict', contract: maximum(5) }]);
    await writeFile(join(directory, 'broken.json'), '{"type": ');
    const unread = await refusal([
      { name: 'a', contract: { kind: 'json-schema', schemaFile: 'none.json' } },
      { name: 'b', contract: { kind: 'json-schema', schemaFile: 'broken.json' } },
      { name: 'c', contract: { kind: 'xsd', schema: { type: 'object' } } },
      { name: 'd', contract: { kind: 'xsd', schema: '', schemaFile: 'x.xsd' } },
      { name: 'e', contract: { folder: 'none', kind: 'xsd' } },
      { name: 'f', contract: { folder: 'none' } },
      { name: 'g', contract: {} },
    ]);
    for (const [index, message] of [
      [0, '/schemaFile names'],
      [1, '/schemaFile is not JSON'],
      [2, '/schema an XML text'],
      [3, ' has a schema and a schemaFile'],
      [4, ' has a folder, and beside it kind'],
      [5, '/folder names'],
      [6, '/kind is missing'],
    ] as const) {
      expect(unread).to.include(`/workspaces/0/feeds/${String(index)}/contract${message}`);
    }
    const formless = await refusal([{ name: 'a', contract: { kind: 'dtd', schemafile: 'x' } }]);
    expect(formless).to.include('/workspaces/0/feeds/0/contract/kind');
    expect(formless).to.include('/workspaces/0/feeds/0/contract/schemafile is unknown; did you mean "schemaFile"?');

    const judged = await refusal([
      { name: 'fresh' },
      { name: 'strict', contract: maximum(4) },
      { name: 'bad', contract: { kind: 'json-schema', schema: { type: 'nothing' } } },
      { name: 'strict2', editable: true },
    ]);
    expect(judged).to.include('/workspaces/0/feeds/1/contract the compatibility "backward" of this feed');
    expect(judged).to.include('/workspaces/0/feeds/2/contract/schema');
    expect(await versions('strict')).to.deep.equal(['1 active']);
    expect((await app.request('/admin/feeds/shop/fresh')).status).to.equal(404);

    // The file's own setting counts.
    await apply([{ name: 'strict', compatibility: 'none', contract: maximum(4) }]);
    expect(await versions('strict')).to.deep.equal(['1 accepted', '2 active']);
  });

  it('make one version on two nodes that start together', async () => {
    const database = await createDatabase();
    await apply([{ name: 'orders', contract: maximum(2) }]);
    const nodes = await Promise.all([1, 2, 3].map(() => startApp({ database, env: { FEEDS_FILE: file } })));
    try {
      expect(await versions('orders', nodes[0])).to.deep.equal(['1 active']);
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
      await database.drop();
    }
  });

  it('bring back a feed that was deleted, with its contract, and make anew what was purged', async () => {
    const feeds = [{ name: 'back', title: 'Back', contract: maximum(3) }];
    await apply([{ name: 'back' }]);
    await publish(app, '/feeds/shop/back');
    await addContract(app, '/feeds/shop/back', maximum(3));
    await deleteFeed(app, '/feeds/shop/back');
    await apply(feeds);
    expect(await versions('back')).to.deep.equal(['1 active']);
    expect((await page(app, '/feeds/shop/back')).entries).to.have.length(1);
    const shown = await textOf(await app.request('/admin/feeds/shop/back'), 200);
    expect(JSON.parse(shown)).to.include({ title: 'Back', head: 1 });
    await deleteFeed(app, '/feeds/shop/back', { purge: true });
    await apply(feeds);
    expect(await versions('back')).to.deep.equal(['2 active']);
    expect((await page(app, '/feeds/shop/back')).entries).to.deep.equal([]);
  });

  it('are told in the audit feed as acts of the file, once', async () => {
    const told = async (): Promise<unknown[]> =>
      (await readAudit(app, `&search=${encodeURIComponent('(&(cat=by:file)(cat=workspace:told))')}`)).map(
        ({ act, target, changes }) => [act, target, changes],
      );
    const declared = { name: 'told', quotas: { feeds: 2 }, feeds: [{ name: 'one', contract: maximum(1) }] };
    const applied = async (...workspaces: unknown[]): Promise<void> => {
      await writeFile(file, JSON.stringify({ workspaces }));
      await app.running.reload();
    };
    await applied(declared);
    await applied(declared);
    const feed = { workspace: 'told', feed: 'one' };
    const made = [
      ['workspace.created', { workspace: 'told' }, { quotas: { to: { feeds: 2 } } }],
      ['feed.created', feed, undefined],
      ['contract.registered', { ...feed, version: 1 }, { kind: { to: 'json-schema' } }],
    ];
    expect(await told()).to.deep.equal(made);
    await deleteFeed(app, '/feeds/told/one');
    await applied({ ...declared, feeds: [{ name: 'one', title: 'One' }] });
    const back = [
      ['feed.restored', feed, undefined],
      ['feed.changed', feed, { title: { to: 'One' } }],
    ];
    expect(await told()).to.deep.equal([...made, ...back]);
  });

  it('give the server’s own workspace nothing but the settings of its feed', async () => {
    const title = async (): Promise<unknown> =>
      (JSON.parse(await textOf(await app.request('/admin/workspaces/system'), 200)) as { title?: unknown }).title;
    const before = await title();
    const audit = { name: 'audit', contract: maximum(1) };
    const grants = [{ principal: 'jwt:ada', grants: [{ role: 'admin' }] }];
    const own = { name: 'system', title: 'Mine', quotas: { bytes: 1 }, grants, feeds: [audit] };
    await writeFile(file, JSON.stringify({ workspaces: [own] }));
    const error = await app.running.reload().catch((reason: unknown) => reason as Error);
    for (const place of ['title', 'quotas', 'grants']) {
      expect(error?.message).to.include(
        `/workspaces/0/${place} the workspace "system" is the server's own: a file may say`,
      );
    }
    expect(error?.message).to.include(
      "/workspaces/0/feeds/0 system/audit is the server's own feed: it has no contract",
    );
    expect((await app.request('/admin/feeds/system/audit')).status).to.equal(200);
    const { versions } = JSON.parse(await textOf(await app.request('/admin/feeds/system/audit/schemas'), 200)) as {
      versions: unknown[];
    };
    expect(versions).to.deep.equal([]);
    const settings = { title: 'Audit', keepDays: 90 };
    await writeFile(
      file,
      JSON.stringify({ workspaces: [{ name: 'system', feeds: [{ name: 'audit', ...settings }] }] }),
    );
    await app.running.reload();
    expect(JSON.parse(await textOf(await app.request('/admin/feeds/system/audit'), 200))).to.deep.include(settings);
    expect(await title()).to.equal(before);
    const granted = await textOf(await app.request('/admin/workspaces/system/grants'), 200);
    expect(JSON.parse(granted)).to.deep.equal({ principals: [] });
  });

  it('set quotas, which bind the file too, and keep those that it does not name', async () => {
    const quotas = async (): Promise<unknown> =>
      (JSON.parse(await textOf(await app.request('/admin/workspaces/ops'), 200)) as { quotas?: unknown }).quotas;
    const inOps = (feeds: unknown, more: Record<string, unknown> = {}): Promise<void> =>
      writeFile(file, JSON.stringify({ workspaces: [{ name: 'ops', feeds, ...more }] }));
    await inOps([{ name: 'a' }], { quotas: { feeds: 1 } });
    await app.running.reload();
    expect(await quotas()).to.deep.equal({ feeds: 1 });
    await inOps([{ name: 'a' }, { name: 'b' }]);
    const error = await app.running.reload().catch((reason: unknown) => reason as Error);
    expect(error?.message).to.include('/workspaces/0/feeds/1 the workspace "ops" has 1 feed');
    await inOps([{ name: 'a' }]);
    await app.running.reload();
    expect(await quotas()).to.deep.equal({ feeds: 1 });
    await inOps([{ name: 'a', contract: maximum(1) }], { quotas: { bytes: 10 } });
    const full = await app.running.reload().catch((reason: unknown) => reason as Error);
    expect(full?.message).to.include(
      '/workspaces/0/feeds/0 the workspace "ops" keeps 0 bytes of entries and contracts',
    );
    await inOps([{ name: 'a' }], { quotas: {} });
    await app.running.reload();
    expect(await quotas()).to.equal(undefined);
  });

  it('grants are those of the file for whom it names, and nobody else’s', async () => {
    const shown = async (): Promise<unknown> => {
      const text = await textOf(await app.request('/admin/workspaces/shop/grants'), 200);
      const { principals } = JSON.parse(text) as {
        principals: { principal: string; grants: unknown; grantedBy: string }[];
      };
      return principals.map(({ principal, grants, grantedBy }) => [principal, grants, grantedBy]);
    };
    const reader = { role: 'reader', tenants: ['t1'] };
    await apply([], { grants: [{ principal: 'jwt:ada', grants: [reader] }] });
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ grants: [{ role: 'publisher' }] });
    await app.request('/admin/workspaces/shop/grants/keystone:bob', { method: 'PUT', headers, body });
    await apply([], { grants: [{ principal: 'jwt:ada', grants: [{ role: 'admin' }, reader] }] });
    await apply([], { grants: [{ principal: 'jwt:ada', grants: [{ role: 'admin' }, reader] }] });
    await apply([]);
    expect(await shown()).to.deep.equal([
      ['jwt:ada', [{ role: 'admin' }, reader], 'file'],
      ['keystone:bob', [{ role: 'publisher' }], 'admin'],
    ]);
    const told = (await readAudit(app)).filter(({ target }) => target?.['principal'] === 'jwt:ada');
    expect(told.map(({ act, by }) => [act, by])).to.deep.equal([
      ['grants.changed', 'file'],
      ['grants.changed', 'file'],
    ]);
  });

  it('grants that cannot be are told with their places', async () => {
    const wrong = async (grants: unknown): Promise<string> => {
      await write([], { grants });
      return app.running.reload().then(
        () => expect.fail('it was applied'),
        (error: unknown) => (error as Error).message,
      );
    };
    const grant = [{ role: 'reader' }];
    expect(
      await wrong([
        { principal: 'token:1', grants: grant },
        { principal: 'user:nobody', grants: grant },
      ]),
    )
      .to.contain('/workspaces/0/grants/0 "token:1" is nobody who can be granted something')
      .and.to.contain('/workspaces/0/grants/1 there is no user "nobody"');
    expect(
      await wrong([
        { principal: 'jwt:a', grants: grant },
        { principal: 'jwt:a', grants: grant },
      ]),
    ).to.contain('/workspaces/0/grants/1/principal grants to "jwt:a" are in the file twice');
    expect(await wrong([{ principal: 'jwt:a', grants: [{ role: 'admin', tenants: ['t'] }] }])).to.contain(
      '/workspaces/0/grants/0/grants/0/role',
    );
    expect(await wrong([{ principal: 'jwt:a', grants: [{ role: 'reader', feed: 'no/feed' }] }])).to.contain('no/feed');
  });
});
