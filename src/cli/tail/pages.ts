import { ATOM_NAMESPACE } from '../../formats/atom/atom-rules.js';
import { viewEntry } from '../../formats/atom/entry-view.js';
import { writeJsonDocument } from '../../formats/json/json-write.js';
import { readJsonGently } from '../../formats/json/json-text.js';
import { ATOM, CLOUD_EVENTS, PROBLEM_JSON } from '../../formats/media-types.js';
import { XmlScanner } from '../../formats/xml/xml.js';
import { attributeOf, readTree } from '../../formats/xml/xml-tree.js';
import { oneLineJson, printable } from '../printable.js';

/** How entries are shown, one a line but in Atom. */
export const LINE_FORMATS = ['text', 'json', 'atom', 'cloudevents', 'id'] as const;
export type LineFormat = (typeof LINE_FORMATS)[number];

/** The representation of the feed that each is made from; refusals are wanted in JSON all the same. */
export function acceptFor(format: LineFormat): string {
  return `${PROBLEM_JSON}, ${format === 'cloudevents' ? CLOUD_EVENTS : ATOM};q=0.9`;
}

/** What a reader needs of a page. */
export interface TailPage {
  /** The feed's atom:id; undefined in a representation that has none. */
  readonly feedId: string | undefined;
  /** The links to newer and to older entries, where the document has links. */
  readonly previous: string | undefined;
  readonly next: string | undefined;
  /** Entries and tombstones, the oldest first, each ready to be shown. */
  readonly lines: readonly string[];
}

/** @throws FeedsError for what is no page */
export async function readTailPage(format: LineFormat, body: string): Promise<TailPage> {
  if (format === 'cloudevents') return eventsPage(body);
  const { entries, ...told } = slicesOf(body);
  const lines: string[] = [];
  for (const xml of entries.toReversed()) lines.push(`${await LINES[format](xml)}\n`);
  return { ...told, lines };
}

async function eventsPage(body: string): Promise<TailPage> {
  const root = await readJsonGently(body, { depth: 320, opaque: 'data' });
  const items = root.kind === 'array' ? root.items : [];
  const lines = items.map(({ start, end }) => `${oneLineJson(body.slice(start, end))}\n`).toReversed();
  return { feedId: undefined, previous: undefined, next: undefined, lines };
}

const PAGE_DEPTH = 110;

/** The texts of a page's entries and tombstones. Each stands for itself, as the server keeps them, and may be as deep as it takes them. */
function slicesOf(body: string): Omit<TailPage, 'lines'> & { readonly entries: readonly string[] } {
  const entries: string[] = [];
  let previous: string | undefined;
  let next: string | undefined;
  let feedId = '';
  let from: number | undefined;
  const scanner = new XmlScanner(
    body,
    {
      start(tag) {
        if (scanner.depth !== 2) return;
        if (tag.local === 'entry' || tag.local === 'deleted-entry') from = tag.start;
        const rel = tag.local === 'link' ? tag.attribute('rel') : undefined;
        if (rel === 'previous') previous = tag.attribute('href');
        if (rel === 'next') next = tag.attribute('href');
        scanner.textWanted = tag.local === 'id' && tag.uri === ATOM_NAMESPACE;
      },
      text(piece) {
        if (scanner.depth === 2) feedId += piece;
      },
      end(_, end) {
        if (scanner.depth !== 2) return;
        scanner.textWanted = false;
        if (from !== undefined) entries.push(body.slice(from, end));
        from = undefined;
      },
    },
    { depth: PAGE_DEPTH, attributes: Infinity },
  );
  scanner.run();
  return { feedId, previous, next, entries };
}

const NO_ARRAYS = new Map<string, readonly string[]>();

const LINES: Readonly<Record<Exclude<LineFormat, 'cloudevents'>, (xml: string) => string | Promise<string>>> = {
  atom: (xml) => xml,
  json: (xml) => oneLineJson(writeJsonDocument('json', xml, NO_ARRAYS)),
  id: (xml) => printable(seenIn(xml).id),
  text: async (xml) => {
    const { id, at, deleted } = seenIn(xml);
    if (deleted) return printable(`${at}  deleted  ${id}`);
    const { title, categories } = await viewEntry({ xml });
    const terms = categories.length === 0 ? '' : `  [${categories.map(({ term }) => term).join(', ')}]`;
    return printable(`${at}  ${title.kind === 'text' ? title.text : title.html}${terms}  ${id}`);
  },
};

/** An entry by when it came; a deletion (RFC 6721) by when it was. */
function seenIn(xml: string): { id: string; at: string; deleted: boolean } {
  const root = readTree(xml);
  if (root.local === 'deleted-entry') {
    return { id: attributeOf(root, 'ref') ?? '', at: attributeOf(root, 'when') ?? '', deleted: true };
  }
  const textOf = (name: string): string => root.elements.find(({ local }) => local === name)?.text ?? '';
  return { id: textOf('id'), at: textOf('edited'), deleted: false };
}
