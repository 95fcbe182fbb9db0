import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { ATOM_NAMESPACE } from '../../../../src/formats/atom/atom-rules.js';
import { jsonPayload } from '../../../../src/formats/json/json-payload.js';
import { isJsonType } from '../../../../src/formats/media-types.js';
import { escapeAttribute, escapeText } from '../../../../src/formats/xml/xml.js';

/** An element that was made up. */
export interface Made {
  readonly local: string;
  readonly uri: string;
  readonly prefixed: boolean;
  readonly attributes: readonly { readonly local: string; readonly uri: string; readonly value: string }[];
  readonly children: readonly (Made | string)[];
}

const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';
const XHTML = 'http://www.w3.org/1999/xhtml';
const LOCALS =
  'a b c link category title content type term name entry feed author source summary generator div xmlns __proto__ constructor é'.split(
    ' ',
  );
const ATTRIBUTES = 'a b c type term href rel src name lang id __proto__ toString é'.split(' ');
const TEXTS = [
  'x',
  '',
  ' ',
  '\n  ',
  ' y ',
  '1e3',
  'a & b < c > d "e" \'f\'',
  '{"n": 1.0}',
  'eyJuIjogMS4wfQ==',
  '😀\u00a0',
  '\t\r\n',
  ']]>',
  '<div xmlns="http://www.w3.org/1999/xhtml"/>',
];
const TYPES = [
  'text',
  'html',
  'xhtml',
  'application/xml',
  'image/svg+xml',
  'application/json',
  'application/vnd.x+json',
  'text/plain',
  'image/png',
];

const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TEXTS) },
  fc.stringMatching(/^[\t\n\x20-\x7e\xa0-\ud7ff]{0,8}$/),
);
const uri = fc.oneof(
  { weight: 3, arbitrary: fc.constant(ATOM_NAMESPACE) },
  fc.constantFrom('', 'urn:a', 'urn:b', XHTML),
);
const attribute = fc.record({
  local: fc.constantFrom(...ATTRIBUTES),
  uri: fc.oneof({ weight: 12, arbitrary: fc.constant('') }, fc.constantFrom(XML_NAMESPACE, 'urn:a')),
  value: fc.oneof(fc.constantFrom(...TYPES), text),
});
const attributes = fc.uniqueArray(attribute, {
  maxLength: 3,
  selector: ({ local, uri: space }) => `${space} ${local}`,
});

/** Elements of all kinds, sensible or not. */
export const anyElement: fc.Arbitrary<Made> = fc.letrec<{ element: Made }>((tie) => ({
  element: fc.record(
    {
      local: fc.constantFrom(...LOCALS),
      uri,
      prefixed: fc.boolean(),
      attributes,
      children: fc.oneof(
        { maxDepth: 4, depthSize: 'small' },
        fc.array(text, { maxLength: 1 }),
        fc.array(fc.oneof({ weight: 4, arbitrary: tie('element') }, fc.constantFrom(' ', '\n  '), text), {
          maxLength: 4,
        }),
      ),
    },
    { noNullPrototype: true },
  ),
})).element;

const TIME = '2024-03-12T10:03:12Z';
const atom = (local: string, children: readonly (Made | string)[], ...pairs: [string, string][]): Made => ({
  local,
  uri: ATOM_NAMESPACE,
  prefixed: false,
  attributes: pairs.map(([name, value]) => ({ local: name, uri: '', value })),
  children,
});
const div = (children: readonly (Made | string)[]): Made => ({ ...atom('div', children), uri: XHTML });
const textConstruct = (local: string): fc.Arbitrary<Made> =>
  fc.oneof(
    text.map((one) => atom(local, [one])),
    text.map((one) => atom(local, [one], ['type', 'html'])),
    text.map((one) => atom(local, [div([one, div([]), one])], ['type', 'xhtml'])),
  );
const foreign = anyElement.filter((made) => made.uri !== ATOM_NAMESPACE);
const content = fc.oneof(
  text.map((one) => atom('content', [one])),
  text.map((one) => atom('content', [one], ['type', 'html'])),
  anyElement.map((made) => atom('content', ['\n ', made, '\n'], ['type', 'application/xml'])),
  anyElement.map((made) => atom('content', [made], ['type', 'image/svg+xml'])),
  fc.json().map((json) => atom('content', [json], ['type', 'application/json'])),
  fc.json().map((json) => atom('content', [Buffer.from(json).toString('base64')], ['type', 'application/x+json'])),
  fc.constant(atom('content', [], ['src', 'https://example.org/'], ['type', 'image/png'])),
  anyElement.map((made) => atom('content', [div([made, 'text'])], ['type', 'xhtml'])),
);

/** Entries that RFC 4287 allows, with whatever it allows in them. */
export const anyEntry: fc.Arbitrary<Made> = fc
  .record({
    title: textConstruct('title'),
    summary: textConstruct('summary'),
    content,
    categories: fc.array(
      text.filter((one) => one !== '').map((one) => atom('category', [], ['term', one], ['label', one])),
      { maxLength: 3 },
    ),
    links: fc.array(
      fc.constantFrom(
        atom('link', [], ['href', 'https://example.org/'], ['rel', 'related']),
        atom('link', [], ['href', 'x'], ['rel', 'via']),
      ),
      { maxLength: 2 },
    ),
    foreign: fc.array(foreign, { maxLength: 3 }),
    authors: fc.array(
      text.map((one) => atom('author', [atom('name', [one]), atom('email', ['a@example.org'])])),
      { maxLength: 2 },
    ),
    attributes: fc.constantFrom<Made['attributes']>(
      [],
      [],
      [{ local: 'lang', uri: XML_NAMESPACE, value: 'en' }],
      [{ local: 'x', uri: 'urn:a', value: '1' }],
    ),
    prefixed: fc.boolean(),
  })
  .chain((parts) =>
    fc
      .shuffledSubarray(
        [
          parts.title,
          parts.summary,
          parts.content,
          atom('id', ['urn:x:1']),
          atom('updated', [TIME]),
          ...parts.categories,
          ...parts.links,
          ...parts.foreign,
          ...parts.authors,
        ],
        { minLength: 5 + parts.categories.length + parts.links.length + parts.foreign.length + parts.authors.length },
      )
      .map((children) => ({ ...atom('entry', children), attributes: parts.attributes, prefixed: parts.prefixed })),
  );

/** As a document. `inScope` is the default namespace around it. */
export function printMade(made: Made, inScope = ''): string {
  const prefix = made.prefixed && made.uri !== '' ? 'p' : '';
  const name = prefix === '' ? made.local : `${prefix}:${made.local}`;
  let tag = name;
  let within = inScope;
  if (prefix !== '') tag += ` xmlns:p="${escapeAttribute(made.uri)}"`;
  else if (made.uri !== inScope) {
    tag += ` xmlns="${escapeAttribute(made.uri)}"`;
    within = made.uri;
  }
  for (const [index, { local, uri: space, value }] of made.attributes.entries()) {
    const written = space === '' ? local : space === XML_NAMESPACE ? `xml:${local}` : `q${String(index)}:${local}`;
    if (written.startsWith('q') && space !== '') tag += ` xmlns:q${String(index)}="${escapeAttribute(space)}"`;
    tag += ` ${written}="${escapeAttribute(value)}"`;
  }
  const inner = made.children.map((child) =>
    typeof child === 'string' ? escapeText(child) : printMade(child, within),
  );
  return `<${tag}>${inner.join('')}</${name}>`;
}

interface Seen {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  children: (Seen | string)[];
}

const UNORDERED = new Set(
  'feed entry source author contributor'.split(' ').map((name) => `{${ATOM_NAMESPACE}}${name}`),
);

/**
 * What a document says, by an independent parser: names, attributes, text, the order of what has one (RFC 4287 §4.1.2 gives
 * none to what is in an entry). White space between elements is layout, prefixes are spelling, and so is the way in which
 * content of a JSON media type writes its value. White space that breaks no line, and any in XHTML, is text.
 */
export function infosetOf(source: string): Seen {
  const parser = new SaxesParser({ xmlns: true });
  const root: Seen = { name: '', attributes: {}, children: [] };
  const open = [root];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    const pairs = Object.values(tag.attributes)
      .filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns')
      .map(({ uri: space, local, value }): [string, string] => [`{${space}}${local}`, value]);
    const seen: Seen = { name: `{${tag.uri}}${tag.local}`, attributes: Object.fromEntries(pairs), children: [] };
    open.at(-1)?.children.push(seen);
    open.push(seen);
  });
  const take = (piece: string): void => {
    const { children } = open.at(-1) ?? root;
    const last = children.at(-1);
    if (typeof last === 'string') children[children.length - 1] = last + piece;
    else children.push(piece);
  };
  parser.on('text', take);
  parser.on('cdata', take);
  parser.on('closetag', () => {
    const closed = open.pop();
    if (closed !== undefined) tidy(closed);
  });
  parser.write(source).close();
  const [document] = root.children;
  if (document === undefined || typeof document === 'string') throw new Error('no root element');
  return document;
}

function tidy(seen: Seen): void {
  const elements = seen.children.filter((child): child is Seen => typeof child !== 'string');
  seen.children = seen.children.filter((child) => child !== '');
  const isAtom = seen.name.startsWith(`{${ATOM_NAMESPACE}}`);
  const isLayout = (text: string): boolean =>
    !/[^ \t\n\r]/.test(text) && (isAtom || (!seen.name.startsWith(`{${XHTML}}`) && text.includes('\n')));
  if (elements.length > 0 && seen.children.every((child) => typeof child !== 'string' || isLayout(child))) {
    seen.children = elements;
    if (UNORDERED.has(seen.name)) seen.children = elements.toSorted((one, other) => compare(one.name, other.name));
  }
  const type = seen.attributes['{}type'] ?? '';
  if (seen.name !== `{${ATOM_NAMESPACE}}content` || !isJsonType(type) || elements.length > 0) return;
  const payload = jsonPayload(seen.children.filter((child) => typeof child === 'string').join(''));
  if (payload !== undefined) seen.children = [`JSON ${payload}`];
}

/** Of the local names only: elements of one name in several namespaces share a member. */
function compare(one: string, other: string): number {
  const [a = '', b = ''] = [one, other].map((name) => name.slice(name.indexOf('}')));
  return a < b ? -1 : a > b ? 1 : 0;
}
