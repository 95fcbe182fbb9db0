import type { EntryDraft } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import type { Violation } from '../../core/errors.js';
import { readEntryText, readFeedText } from '../atom/atom-read.js';
import type { ReadOptions } from '../atom/atom-read.js';
import { ATOM_NAMESPACE } from '../atom/atom-rules.js';
import { toAtom } from './json-atom.js';
import type { JsonAtom, JsonMistake } from './json-atom.js';
import { TEXT, TYPE, XML } from './json-mapping.js';
import type { Dialect } from './json-mapping.js';
import { xmlSafeJson } from './json-payload.js';
import { decodeJson, pointerPart, readJsonGently } from './json-text.js';
import type { JsonMember, JsonNode } from './json-text.js';
import { elementJson } from './json-write.js';
import { placeFinder, placesOf } from '../places.js';
import { breather } from '../slices.js';
import { MOST_VIOLATIONS, invalidEntry } from '../violations.js';
import { readTreeGently } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';

export interface JsonReadOptions extends Pick<ReadOptions, 'limits' | 'ownUrl'> {
  /** JSON payloads are kept as text instead of RFC 4287's Base64. */
  readonly inlineJson: boolean;
}

export interface JsonDrafts {
  readonly kind: 'entry' | 'feed';
  readonly drafts: readonly EntryDraft[];
}

/** Elements may be 100 deep, and each can be an array and an object. A payload is kept as text. */
const READING = { depth: 320, opaque: TEXT };
const SHOWN_CHARACTERS = 60;

/**
 * Reads a document of the JSON mapping (docs/json.md): `{"entry": {…}}`, or `{"feed": {"entry": […]}}` whose entries are
 * one batch. What the mapping could not have produced is refused, so that what was published is read back member for
 * member. Rejects with `not-well-formed` (no JSON), or `invalid-entry` with every mistake as JSON Pointer, line and column.
 */
export async function readJsonDocument(
  body: Uint8Array,
  dialect: Dialect,
  options: JsonReadOptions,
): Promise<JsonDrafts> {
  const { source, root } = await readRoot(body);
  // What is sent is known again by its Base64 form, however the feed keeps its payloads.
  const atom = await toAtom(dialect, source, root, false);
  if (atom.mistakeCount > 0) throw refusal(source, atom.mistakes, atom.mistakeCount);
  const differences = await findDifferences(dialect, source, root, atom);
  let drafts: readonly EntryDraft[];
  try {
    drafts = await readAtom(source, root, atom, options);
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    if (error.code === 'not-well-formed') throw inTermsOfEntries(error);
    if (differences.length === 0) throw error;
    const rest = error.details.violations ?? [];
    const all = [...violationsOf(source, differences), ...rest].toSorted(byPlace);
    throw invalidEntry(all, all.length);
  }
  if (differences.length > 0) throw refusal(source, differences, differences.length);
  if (options.inlineJson && atom.payloads > 0) {
    const inline = await readAtom(source, root, await toAtom(dialect, source, root, true), options);
    drafts = inline.map((draft, index) => ({ ...draft, digest: drafts[index]?.digest ?? draft.digest }));
  }
  return { kind: root.name === 'feed' ? 'feed' : 'entry', drafts };
}

/** The text of a document, and the one member of its root. Rejects as readJsonDocument does. */
export async function readRoot(body: Uint8Array): Promise<{ source: string; root: JsonMember }> {
  const source = decodeJson(body);
  return { source, root: rootMember(source, await readJsonGently(source, READING)) };
}

async function readAtom(
  source: string,
  root: JsonMember,
  atom: JsonAtom,
  { limits, ownUrl }: JsonReadOptions,
): Promise<readonly EntryDraft[]> {
  const options = { limits, ...(ownUrl === undefined ? {} : { ownUrl }), locate: locator(source, atom) };
  return root.name === 'feed' ? readFeedText(atom.xml, options) : [await readEntryText(atom.xml, options)];
}

/** The one member of the document's root. */
function rootMember(source: string, root: JsonNode): JsonMember {
  const message = 'an object with one member, "entry" or "feed", was expected';
  if (root.kind !== 'object') throw refusal(source, [{ pointer: '', at: root.start, message }], 1);
  const [first, ...others] = root.members;
  const known = first !== undefined && (first.name === 'entry' || first.name === 'feed');
  if (known && others.length === 0) {
    refuseOtherNamespaces(source, first);
    return first;
  }
  const names = root.members.map(({ name }) => JSON.stringify(name)).join(', ');
  const found = names === '' ? 'it has none' : `it has ${names.slice(0, 200)}`;
  throw refusal(source, [{ pointer: '', at: root.start, message: `${message}, but ${found}` }], 1);
}

function refuseOtherNamespaces(source: string, { name, value }: JsonMember): void {
  if (value.kind !== 'object' || value.members.some((member) => member.name === XML)) return;
  const type = value.members.find((member) => member.name === TYPE);
  if (type?.value.kind === 'string' && type.value.value === ATOM_NAMESPACE) return;
  const message = `"${TYPE}": "${ATOM_NAMESPACE}" was expected: an Atom ${name}`;
  const place = { pointer: `/${name}${pointerPart(TYPE)}`, at: type?.value.start ?? value.start };
  throw refusal(source, [{ ...place, message }], 1);
}

/** Refuses what no XML of ours may hold, whatever it was made of: elements too deep. */
async function treeOf({ xml }: JsonAtom): Promise<XmlElement> {
  try {
    return await readTreeGently(xml);
  } catch (error) {
    throw error instanceof FeedsError ? inTermsOfEntries(error) : error;
  }
}

/** What is wrong with the XML is the entry's doing: the publisher has never seen any. */
function inTermsOfEntries(error: FeedsError): FeedsError {
  const [violation] = error.details.violations ?? [];
  return invalidEntry([{ path: `/${violation?.path ?? ''}`, message: violation?.message ?? error.message }], 1);
}

/** Where the document differs from what its own Atom is in JSON: there the mapping could not have produced it. */
async function findDifferences(
  dialect: Dialect,
  source: string,
  root: JsonMember,
  atom: JsonAtom,
): Promise<JsonMistake[]> {
  const tree = await treeOf(atom);
  const found: JsonMistake[] = [];
  const compareElement = async (element: XmlElement, sent: JsonNode, parentUri: string, pointer: string) => {
    const text = elementJson(dialect, atom.xml, element, parentUri);
    const back = await readJsonGently(text, READING);
    const added = atom.summarised.has(pointer) ? ['summary'] : NOTHING_ADDED;
    // Nearly always all is well, and nobody asks for places.
    if (!isSame(source, sent, text, back, added)) compare(source, sent, text, back, pointer, found, added);
  };
  const entries = root.name === 'feed' ? entriesOf(root) : undefined;
  if (entries === undefined || root.value.kind !== 'object') {
    await compareElement(tree, root.value, '', pointerPart(root.name));
    return found;
  }
  // One by one, so that others are served meanwhile.
  const breathe = breather();
  const elements = tree.elements.filter(isEntry);
  for (const [index, item] of entries.entries()) {
    const element = elements[index];
    if (element !== undefined) await compareElement(element, item, ATOM_NAMESPACE, `/feed/entry/${String(index)}`);
    if (found.length >= MOST_VIOLATIONS) return found;
    await breathe();
  }
  const frame = { ...tree, elements: tree.elements.filter((child) => !isEntry(child)) };
  const members = root.value.members.filter(({ name }) => name !== 'entry');
  await compareElement(frame, { ...root.value, members }, '', '/feed');
  return found;
}

function isEntry({ uri, local }: XmlElement): boolean {
  return uri === ATOM_NAMESPACE && local === 'entry';
}

/** The items of a feed's `entry`, when it is an array of objects all of which are in Atom's namespace. */
function entriesOf(root: JsonMember): readonly JsonNode[] | undefined {
  if (root.value.kind !== 'object') return undefined;
  const entries = root.value.members.find(({ name }) => name === 'entry')?.value;
  if (entries?.kind !== 'array') return undefined;
  const plain = entries.items.every(
    (item) => item.kind === 'object' && !item.members.some(({ name }) => name === TYPE || name === XML),
  );
  return plain ? entries.items : undefined;
}

const NOTHING_ADDED: readonly string[] = [];

/** Would `compare` find no difference? */
function isSame(source: string, sent: JsonNode, text: string, back: JsonNode, added = NOTHING_ADDED): boolean {
  if (sent.kind === 'string') return back.kind === 'string' && sent.value === back.value;
  if (sent.kind === 'array') {
    if (back.kind !== 'array' || sent.items.length !== back.items.length) return false;
    return sent.items.every((item, index) => isSame(source, item, text, back.items[index] ?? back));
  }
  if (sent.kind !== 'object' || back.kind !== 'object') return false;
  if (sent.members.length + added.length !== back.members.length) return false;
  // Members mostly stand in the same order; where they do not, it is looked at closer.
  let index = 0;
  for (const { name, value } of sent.members) {
    while (added.includes(back.members[index]?.name ?? '')) index += 1;
    const other = back.members[index];
    if (other?.name !== name) return false;
    const isPayload = name === TEXT && value.kind !== 'string';
    if (!(isPayload ? isSamePayload(source, value, text, other.value) : isSame(source, value, text, other.value)))
      return false;
    index += 1;
  }
  return true;
}

/** `back` is what would be read, in `text`; `added`: members of it that are the server's. */
function compare(
  source: string,
  sent: JsonNode,
  text: string,
  back: JsonNode,
  pointer: string,
  found: JsonMistake[],
  added = NOTHING_ADDED,
): void {
  if (found.length >= MOST_VIOLATIONS) return;
  const complain = (message: string, at = sent.start, place = pointer): void =>
    void found.push({ pointer: place, at, message });
  const differ = (): void => {
    const why = back.kind === 'array' ? ', always an array' : sent.kind === 'array' ? ', as one alone is no array' : '';
    complain(`${shown(text, back)} was expected${why}: that is how it would be read back`);
  };
  if (sent.kind === 'object' && back.kind === 'object' && isXmlForm(sent) === isXmlForm(back)) {
    const theirs = new Map(back.members.map(({ name, value }) => [name, value]));
    for (const { name, value, at } of sent.members) {
      const other = theirs.get(name);
      const place = pointer + pointerPart(name);
      if (other === undefined) complain(name === TYPE ? SAME_TYPE : 'this would be lost', at, place);
      else if (name !== TEXT || value.kind === 'string') compare(source, value, text, other, place, found);
      else if (!isSamePayload(source, value, text, other)) complain('this would be read back differently', at, place);
    }
    const mine = new Set(sent.members.map(({ name }) => name));
    for (const { name, value } of back.members) {
      if (mine.has(name) || added.includes(name)) continue;
      complain(`is missing: ${shown(text, value)} was expected`, sent.start, pointer + pointerPart(name));
    }
  } else if (sent.kind === 'array' && back.kind === 'array' && sent.items.length === back.items.length) {
    for (const [index, item] of sent.items.entries()) {
      const other = back.items[index];
      if (other !== undefined) compare(source, item, text, other, pointer + pointerPart(index), found);
    }
  } else if (sent.kind !== 'string' || back.kind !== 'string' || sent.value !== back.value) {
    differ();
  }
}

function isXmlForm({ members }: JsonNode & { readonly kind: 'object' }): boolean {
  return members.some(({ name }) => name === XML);
}

const SAME_TYPE = `this would be lost: "${TYPE}" is told where the namespace differs from that of the element around it`;

/** A payload is kept as text: what is in it, and how often, does not matter here. */
function isSamePayload(source: string, sent: JsonNode, text: string, back: JsonNode): boolean {
  const [one, other] = [source.slice(sent.start, sent.end), text.slice(back.start, back.end)];
  return one === other || xmlSafeJson(one) === other;
}

function shown(text: string, node: JsonNode): string {
  const whole = text.slice(node.start, node.end);
  return whole.length > SHOWN_CHARACTERS ? `${whole.slice(0, SHOWN_CHARACTERS - 1).toWellFormed()}…` : whole;
}

/** From places in the Atom text to those in the document. */
export function locator(
  source: string,
  { marks }: JsonAtom,
): (offset: number, path: string) => Omit<Violation, 'message'> {
  const find = placeFinder(source);
  return (offset, path) => {
    const mark = marks.findLast((one) => one.offset <= offset) ?? marks[0];
    if (mark === undefined) return { path };
    const [, attribute] = /\/@([^/]+)$/.exec(path) ?? [];
    const member = mark.node.kind === 'object' ? mark.node.members.find(({ name }) => name === attribute) : undefined;
    const pointer = member === undefined ? mark.pointer : mark.pointer + pointerPart(member.name);
    return { path: pointer, ...find(member?.value.start ?? mark.node.start) };
  };
}

function refusal(source: string, mistakes: readonly JsonMistake[], count: number): FeedsError {
  return invalidEntry(violationsOf(source, mistakes), count);
}

function byPlace(one: Violation, other: Violation): number {
  return (one.line ?? 0) - (other.line ?? 0) || (one.column ?? 0) - (other.column ?? 0);
}

function violationsOf(source: string, mistakes: readonly JsonMistake[]): Violation[] {
  const inOrder = mistakes.toSorted((one, other) => one.at - other.at);
  const places = placesOf(
    source,
    inOrder.map(({ at }) => at),
  );
  return inOrder.map(({ pointer, message }, index) => ({ path: pointer, message, ...places[index] }));
}
