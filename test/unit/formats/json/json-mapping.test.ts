import { expect } from 'chai';
import fc from 'fast-check';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import type { FeedsError } from '../../../../src/core/errors.js';
import { readEntryText } from '../../../../src/formats/atom/atom-read.js';
import { toAtom } from '../../../../src/formats/json/json-atom.js';
import type { Dialect } from '../../../../src/formats/json/json-mapping.js';
import { readJsonDocument } from '../../../../src/formats/json/json-read.js';
import { readJsonText } from '../../../../src/formats/json/json-text.js';
import { elementJson } from '../../../../src/formats/json/json-write.js';
import { readTree } from '../../../../src/formats/xml/xml-tree.js';
import { anyElement, anyEntry, infosetOf, printMade } from './json-trees.js';

const READING = { depth: 1_000 };
const LIMITS = { ...DEFAULT_LIMITS, categoryLength: 1_000 };

/** The JSON document of an XML one. */
function toJson(dialect: Dialect, xml: string): string {
  const tree = readTree(xml);
  return `{${JSON.stringify(tree.local)}:${elementJson(dialect, xml, tree, '')}}`;
}

/** And the way back, for any root. */
async function toXml(dialect: Dialect, json: string, inlineJson = true): Promise<string> {
  const root = readJsonText(json, READING);
  if (root.kind !== 'object' || root.members[0] === undefined) throw new Error('no root member');
  const atom = await toAtom(dialect, json, root.members[0], inlineJson);
  expect(atom.mistakes, json).to.deep.equal([]);
  return atom.xml;
}

async function read(dialect: Dialect, json: string, inlineJson = false): Promise<string> {
  const { drafts } = await readJsonDocument(Buffer.from(json), dialect, { limits: LIMITS, inlineJson });
  return drafts.map(({ open, inner, close }) => open + inner + close).join('\n');
}

describe('the JSON mapping', () => {
  it('gives back the infoset of any element from application/json', async () => {
    await fc.assert(
      fc.asyncProperty(anyElement, async (made) => {
        const xml = printMade(made);
        const json = toJson('json', xml);
        JSON.parse(json);
        expect(infosetOf(await toXml('json', json)), json).to.deep.equal(infosetOf(xml));
      }),
      { numRuns: 400 },
    );
  });

  it('gives back the infoset of any entry, published from its own application/json', async () => {
    await fc.assert(
      fc.asyncProperty(anyEntry, fc.boolean(), async (made, inlineJson) => {
        const xml = printMade(made);
        await readEntryText(xml, { limits: LIMITS });
        const json = toJson('json', xml);
        expect(infosetOf(await read('json', json, inlineJson)), json).to.deep.equal(infosetOf(xml));
      }),
      { numRuns: 250 },
    );
  });

  for (const dialect of ['json', 'cloudfeeds'] as const) {
    it(`gives back each document that it can produce, member for member, as ${dialect}`, async () => {
      await fc.assert(
        fc.asyncProperty(anyElement, fc.boolean(), async (made, inlineJson) => {
          const json = toJson(dialect, printMade(made));
          const again = toJson(dialect, await toXml(dialect, json, inlineJson));
          expect(JSON.parse(again)).to.deep.equal(JSON.parse(json));
        }),
        { numRuns: 400 },
      );
    });

    it(`publishes each entry that it can produce as ${dialect}`, async () => {
      await fc.assert(
        fc.asyncProperty(anyEntry, async (made) => {
          const json = toJson(dialect, printMade(made));
          const again = toJson(dialect, await read(dialect, json));
          expect(JSON.parse(again)).to.deep.equal(JSON.parse(json));
        }),
        { numRuns: 250 },
      );
    });

    it(`adds no summary to an entry within the content, as ${dialect}`, async () => {
      const ATOM = 'http://www.w3.org/2005/Atom';
      const inner = `<entry><content type="application/json">{"a":1}</content></entry>`;
      const xml = `<entry xmlns="${ATOM}"><id>urn:x:1</id><content type="application/xml"><a>${inner}</a></content></entry>`;
      const json = toJson(dialect, xml);
      expect(JSON.parse(toJson(dialect, await read(dialect, json)))).to.deep.equal(JSON.parse(json));
    });

    it(`gives back, or refuses with a place, whatever else is sent as ${dialect}`, async () => {
      const mutations = fc.array(fc.tuple(fc.nat(), fc.constantFrom<Mutation>(...MUTATIONS)), {
        minLength: 1,
        maxLength: 3,
      });
      let taken = 0;
      await fc.assert(
        fc.asyncProperty(anyEntry, mutations, async (made, changes) => {
          const value: unknown = JSON.parse(toJson(dialect, printMade(made)));
          for (const [place, mutation] of changes) mutate(value, place, mutation);
          const json = JSON.stringify(value);
          let back: string;
          try {
            back = toJson(dialect, await read(dialect, json));
          } catch (error) {
            expectPlaces(error as FeedsError, json);
            return;
          }
          taken++;
          const same: unknown = JSON.parse(json);
          const returned = JSON.parse(back) as { entry: Record<string, unknown> };
          // Beside Base64 a summary is added (RFC 4287 §4.1.2).
          if ((same as typeof returned).entry['summary'] === undefined) delete returned.entry['summary'];
          expect(returned).to.deep.equal(same);
        }),
        { numRuns: 400 },
      );
      expect(taken).to.be.greaterThan(20);
    });
  }
});

type Mutation = (object: Record<string, unknown>, name: string) => void;

const MUTATIONS: readonly Mutation[] = [
  (object, name) => Reflect.deleteProperty(object, name),
  ...[5, null, true, '', 'x', ' ', [], {}, ['x'], [['x']], [{}], { '@text': 'x' }, { '@text': '' }].map(
    (value): Mutation =>
      (object, name) =>
        (object[name] = structuredClone(value)),
  ),
  ...['a', 'link', 'title', '@text', '@type', '@xml', '@x', 'xmlns', 'a:b', '', 'é', 'xml:lang'].map(
    (other): Mutation =>
      (object, name) =>
        (object[other] = structuredClone(object[name])),
  ),
  (object, name) => (object[name] = [object[name]]),
  (object, name) => (object[name] = [object[name], structuredClone(object[name])]),
  (object, name) => (object[name] = { '@text': object[name] }),
  (object) => (object['@type'] = 'urn:c'),
  (object) => (object['b'] = 'x\ufffe'),
  (object, name) => (object[name] = { '@xml': `<${name}/>` }),
  (object, name) => (object[name] = { '@xml': `<p:${name} xmlns:p="urn:a"><b c="d"/>e</p:${name}>` }),
];

function mutate(root: unknown, place: number, mutation: Mutation): void {
  const places: [Record<string, unknown>, string][] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) places.push([value as Record<string, unknown>, name]);
      walk(inner);
    }
  };
  walk(root);
  const [object, name] = places[place % Math.max(1, places.length)] ?? [];
  if (object !== undefined && name !== undefined) mutation(object, name);
}

function expectPlaces(error: FeedsError, json: string): void {
  expect(error.code, error.stack ?? json).to.equal('invalid-entry');
  const violations = error.details.violations ?? [];
  expect(violations, json).to.have.length.greaterThan(0);
  for (const { path, message, line } of violations) {
    expect(path, message).to.match(/^(?:\/|$)/);
    expect(line, `${path} ${message} ${json}`).to.equal(1);
  }
}
