import { expect } from 'chai';
import fc from 'fast-check';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/database.js';
import { insertFeed, mistakesInLog } from '../support/log.js';
import { idsOf, linkOf } from '../support/poller.js';
import { ENTRY_TYPE, FEED_TYPE, entryXml, feedXml, publish } from '../support/publisher.js';

/** Few ids, contents and terms, so that they meet. */
const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => `urn:x:${name}`);
const TERMS = ['red', 'green', 'tid:1', 'tid:2'];

interface Written {
  readonly id: string;
  readonly content: string;
  readonly terms: readonly string[];
}

type Step = { readonly node: number; readonly feed: number } & (
  | { readonly kind: 'publish'; readonly entry: Written }
  | { readonly kind: 'document'; readonly entries: readonly Written[] }
  | { readonly kind: 'put'; readonly entry: Written; readonly stale: boolean }
  | { readonly kind: 'delete'; readonly id: string; readonly stale: boolean }
);

interface Record_ {
  readonly kind: 'entry' | 'revision' | 'tombstone';
  readonly id: string;
  readonly content: string;
  readonly terms: readonly string[];
}

/** What a feed should be: its log, and for each id what was first published under it. */
class Model {
  readonly log: Record_[] = [];
  readonly first = new Map<string, string>();
  readonly editable: boolean;

  constructor(editable: boolean) {
    this.editable = editable;
  }

  /** The position of what stands for the id now; 0: nothing. */
  current(id: string): number {
    return this.log.findLastIndex((one) => one.id === id) + 1;
  }

  at(id: string): Record_ | undefined {
    return this.log[this.current(id) - 1];
  }

  publish({ id, content, terms }: Written): number {
    const digest = JSON.stringify([content, terms]);
    const first = this.first.get(id);
    if (first === undefined) {
      this.first.set(id, digest);
      this.log.push({ kind: 'entry', id, content, terms });
      return 201;
    }
    if (first !== digest) return 409;
    return this.at(id)?.kind === 'tombstone' ? 410 : 201;
  }

  /** All or none; one of those that are refused says with what. */
  document(entries: readonly Written[]): number[] {
    const trial = new Model(this.editable);
    trial.log.push(...this.log);
    for (const [id, digest] of this.first) trial.first.set(id, digest);
    const refused = entries.map((entry) => trial.publish(entry)).filter((status) => status !== 201);
    if (refused.length > 0) return refused;
    for (const entry of entries) this.publish(entry);
    return [201];
  }

  change(id: string, stale: boolean, record: Record_): number {
    if (!this.editable) return 405;
    const at = this.at(id);
    if (at === undefined) return 404;
    if (at.kind === 'tombstone') return 410;
    if (stale) return 412;
    this.log.push(record);
    return record.kind === 'tombstone' ? 204 : 200;
  }

  /** What readers see, oldest first. */
  shown(matches: (terms: readonly string[]) => boolean = () => true): Record_[] {
    return this.log.filter((one, index) => this.current(one.id) === index + 1 && matches(one.terms));
  }
}

const aWritten = fc.record({
  id: fc.constantFrom(...IDS),
  content: fc.constantFrom('one', 'two'),
  terms: fc.subarray(TERMS, { maxLength: 2 }),
});
const aPlace = { node: fc.nat({ max: 1 }), feed: fc.nat({ max: 1 }) };
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ ...aPlace, kind: fc.constant('publish' as const), entry: aWritten }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...aPlace,
      kind: fc.constant('document' as const),
      entries: fc.array(aWritten, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      node: aPlace.node,
      feed: fc.constantFrom(0, 1, 1, 1),
      kind: fc.constant('put' as const),
      entry: aWritten,
      stale: fc.constantFrom(true, false, false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      node: aPlace.node,
      feed: fc.constantFrom(0, 1, 1, 1),
      kind: fc.constant('delete' as const),
      id: fc.constantFrom(...IDS),
      stale: fc.constantFrom(true, false, false),
    }),
  },
);

const SEARCHES: [string, (terms: readonly string[]) => boolean][] = [
  ['+red', (terms) => terms.includes('red')],
  ['+red+tid:2', (terms) => terms.includes('red') || terms.includes('tid:2')],
  ['(cat=tid:*)', (terms) => terms.some((term) => term.startsWith('tid:'))],
  ['(&(cat=red)(cat=tid:1))', (terms) => terms.includes('red') && terms.includes('tid:1')],
  ['(!(cat=green))', (terms) => !terms.includes('green')],
];

describe('the log beside a model of it', function () {
  this.timeout(120_000);

  let database: TestDatabase;
  let nodes: TestApp[];
  let runs = 0;

  before(async () => {
    database = await createDatabase();
    nodes = await Promise.all([startApp({ database }), startApp({ database })]);
  });

  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await database.drop();
  });

  async function take(path: string, model: Model, step: Step): Promise<void> {
    const app = nodes[step.node]!;
    const what = JSON.stringify(step);
    switch (step.kind) {
      case 'publish': {
        const { id, content, terms } = step.entry;
        const known = model.first.has(id);
        const answer = await publish(app.url + path, entryXml(id, content, terms));
        expect(answer.status, what).to.equal(model.publish(step.entry));
        if (answer.status === 201) expect(answer.replayed, what).to.equal(known);
        return;
      }
      case 'document': {
        const answer = await publish(app.url + path, feedXml(step.entries), { type: FEED_TYPE });
        expect(model.document(step.entries), what).to.include(answer.status);
        return;
      }
      case 'put':
      case 'delete': {
        const id = step.kind === 'put' ? step.entry.id : step.id;
        const member = `${path}/entries/${encodeURIComponent(id)}`;
        // The tag from one node, the edit on the other.
        const got = await nodes[1 - step.node]!.request(member);
        await got.arrayBuffer();
        const tag = got.headers.get('etag') ?? '"none"';
        const headers = { 'if-match': step.stale ? tag.replace(/-p\d+-/, '-p0-') : tag };
        if (step.kind === 'put') {
          const { content, terms } = step.entry;
          const answer = await app.request(member, {
            method: 'PUT',
            headers: { ...headers, 'content-type': ENTRY_TYPE },
            body: entryXml(id, content, terms),
          });
          await answer.arrayBuffer();
          const expected = model.change(id, step.stale, { kind: 'revision', id, content, terms });
          expect(answer.status, what).to.equal(expected);
        } else {
          const answer = await app.request(member, { method: 'DELETE', headers });
          await answer.arrayBuffer();
          const { content = '', terms = [] } = model.at(id) ?? {};
          expect(answer.status, what).to.equal(model.change(id, step.stale, { kind: 'tombstone', id, content, terms }));
        }
      }
    }
  }

  /** `entry` or `deleted` with its id and content, as a page shows them, oldest first. */
  function shownOn(page: string): string[] {
    const parts = page.split(/<(?=(?:\w+:)?(?:entry|deleted-entry)[\s>])/).slice(1);
    return idsOf(page)
      .map((id, index) => `${id} ${/<content[^>]*>(\w+)/.exec(parts[index]!)?.[1] ?? 'deleted'}`)
      .toReversed();
  }

  function toShow(records: readonly Record_[]): string[] {
    return records.map((one) => `${one.id} ${one.kind === 'tombstone' ? 'deleted' : one.content}`);
  }

  /** Follows a link from page to page until it leads nowhere new; the pages in the order of the walk. */
  async function walk(turn: number, from: string, rel: 'next' | 'previous'): Promise<string[]> {
    const pages: string[] = [];
    let url = from;
    for (let n = 0; n < 200; n++) {
      const response = await nodes[(turn + n) % 2]!.request(url);
      const page = await response.text();
      expect(response.status, `${url}: ${page.slice(0, 300)}`).to.equal(200);
      pages.push(page);
      const link = response.headers.get('link') ?? '';
      if (rel === 'next' && !link.includes('rel="next"')) return pages;
      const next = linkOf(response, rel);
      if (next === url) return pages;
      url = next;
    }
    throw new Error(`the walk from ${from} does not end`);
  }

  async function compare(path: string, model: Model): Promise<void> {
    for (const [query, wanted] of [
      ['', model.shown()],
      ...SEARCHES.map(([search, matches]) => [`&search=${encodeURIComponent(search)}`, model.shown(matches)] as const),
    ] as const) {
      const expected = toShow(wanted);
      const older = await walk(0, `${path}?limit=3${query}`, 'next');
      expect(older.toReversed().flatMap(shownOn), `older ${query}`).to.deep.equal(expected);
      const newer = await walk(1, `${path}?marker=0&limit=2${query}`, 'previous');
      expect(newer.flatMap(shownOn), `newer ${query}`).to.deep.equal(expected);
      const entries = (page: string): number => shownOn(page).filter((one) => !one.endsWith(' deleted')).length;
      for (const page of older) expect(entries(page)).to.be.at.most(3);
    }
    // Head and archive together are the whole log, superseded revisions too.
    const size = 25;
    for (let n = 1; n * size <= model.log.length; n++) {
      const page = await (await nodes[n % 2]!.request(`${path}/archive/${String(n)}`)).text();
      expect(shownOn(page), `archive ${String(n)}`).to.deep.equal(toShow(model.log.slice((n - 1) * size, n * size)));
    }
    for (const id of IDS) {
      const response = await nodes[0]!.request(`${path}/entries/${encodeURIComponent(id)}`);
      const text = await response.text();
      const at = model.at(id);
      expect(response.status, id).to.equal(at === undefined ? 404 : at.kind === 'tombstone' ? 410 : 200);
      if (response.status === 200) expect(text).to.contain(`>${at!.content}<`);
    }
  }

  it('agrees about pages, searches, members and archive, whatever two nodes are asked to do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 10, maxLength: 70, size: 'max' }), async (steps) => {
        runs += 1;
        const models = [new Model(false), new Model(true)];
        const paths = await Promise.all(
          models.map(({ editable }) =>
            insertFeed(database.url, `model-${String(runs)}-${editable ? 'editable' : 'plain'}`, { editable }),
          ),
        );
        for (const step of steps) await take(paths[step.feed]!, models[step.feed]!, step);
        for (const [feed, model] of models.entries()) await compare(paths[feed]!, model);
      }),
      { numRuns: 8 },
    );
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });

  it('agrees about what is done at the same time: each batch is some order of its requests', async () => {
    const path = await insertFeed(database.url, 'model-at-once', { editable: true });
    const base = `${path}/entries/`;
    for (let round = 0; round < 12; round++) {
      const id = `urn:x:at-once:${String(round)}`;
      const made = await publish(nodes[0]!.url + path, entryXml(id, 'first'));
      expect(made.status).to.equal(201);
      const got = await nodes[1]!.request(base + encodeURIComponent(id));
      await got.arrayBuffer();
      const headers = { 'if-match': got.headers.get('etag')! };
      const edits = await Promise.all(
        [0, 1, 0, 1].map(async (node, n) => {
          const answer = await nodes[node]!.request(base + encodeURIComponent(id), {
            method: n < 3 ? 'PUT' : 'DELETE',
            headers: { ...headers, 'content-type': ENTRY_TYPE },
            ...(n < 3 ? { body: entryXml(id, `edit${String(n)}`) } : {}),
          });
          await answer.arrayBuffer();
          return answer.status;
        }),
      );
      const replay = await publish(nodes[0]!.url + path, entryXml(id, 'first'));
      const won = edits.filter((status) => status === 200 || status === 204);
      expect(won, JSON.stringify(edits)).to.have.length(1);
      for (const status of edits) expect(status).to.be.oneOf(won[0] === 204 ? [204, 412, 410] : [200, 412]);
      expect(replay.status).to.equal(won[0] === 204 ? 410 : 201);
    }
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });
});
