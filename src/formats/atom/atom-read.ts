import { digest } from '../../core/entry.js';
import type { EntryDraft } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import type { Violation } from '../../core/errors.js';
import { MOST_ENTRIES_IN_BATCH } from '../../core/feed.js';
import type { Limits } from '../../core/feed.js';
import {
  ATOM_NAMESPACE,
  MOST_ELEMENTS,
  endChild,
  endEntry,
  endPart,
  entryCheck,
  startChild,
  startPart,
  takeText,
} from './atom-rules.js';
import type { EntryCheck } from './atom-rules.js';
import { breather, runInSlices } from '../slices.js';
import { MOST_VIOLATIONS, invalidEntry } from '../violations.js';
import { decodeXml } from '../xml/xml-encoding.js';
import { placesOf } from '../places.js';
import type { Place } from '../places.js';
import { XML_NAMESPACE, XmlScanner, escapeAttribute } from '../xml/xml.js';
import type { Attribute, StartTag, XmlHandler } from '../xml/xml.js';

export interface ReadOptions {
  readonly limits: Limits;
  /** Links rel="self" whose href begins so are ours, and are dropped. */
  readonly ownUrl?: string;
  /**
   * For Atom that was made of something else: where to tell that a mistake is, by the offset of the tag that it is in and
   * its path in Atom.
   */
  readonly locate?: (offset: number, path: string) => Omit<Violation, 'message'>;
}

/** From this size on a body is read in slices, and other work may come between them. */
const SLICED_CHARACTERS = 64 * 1024;

/** Characters that each entry of a feed document inherits: namespaces, xml:lang, xml:base, authors. Each gets all of them. */
const MOST_INHERITED = 8_192;

/** The namespace of Atom 0.3, which never became a standard. */
const ATOM_03_NAMESPACE = 'http://purl.org/atom/ns#';

/** Of xsi:type, whose value is a name that the default namespace applies to (XML Schema 1.0 part 1 §2.6.1). */
const INSTANCE_NAMESPACE = 'http://www.w3.org/2001/XMLSchema-instance';
/** Takes the default namespace of a page off an entry that was written without one. */
const NO_NAMESPACE = ' xmlns=""';

/**
 * Reads a body with one atom:entry (RFC 4287 §4.1.2, RFC 5023 §9.2). `charset` is that of its media type. Whatever the
 * server completes may be missing: id, title, updated, published, author.
 * Elements that RFC 4287 does not know are kept untouched, in Atom's own namespace too, where a later Atom may define them
 * (§6.2); but what RFC 4287 defines for another place is refused.
 * A large body gives a promise, and is read in slices. Throws, or rejects with, a FeedsError: `not-well-formed`,
 * `unsupported-encoding`, or `invalid-entry` with every mistake (the first 100).
 */
export function readEntry(
  body: Buffer,
  charset: string | undefined,
  options: ReadOptions,
): EntryDraft | Promise<EntryDraft> {
  return readEntryText(decodeXml(body, charset), options);
}

/** The same of a text. */
export function readEntryText(source: string, options: ReadOptions): EntryDraft | Promise<EntryDraft> {
  const reading = startReading(source, 'entry', options);
  if (source.length >= SLICED_CHARACTERS) return readLargeEntry(reading);
  reading.scanner.run();
  refuseMistakes(reading);
  return toDraft(reading, reading.parts[0]!);
}

async function readLargeEntry(reading: Reading): Promise<EntryDraft> {
  await readInSlices(reading);
  return toDraft(reading, reading.parts[0]!);
}

/**
 * Reads a body with an atom:feed (RFC 4287 §4.1.1) for its entries, in the order of the document. Each draft is
 * self-contained: namespaces, xml:lang and xml:base of the feed are on its start tag, and the feed's authors are in it
 * when it has none of its own (§4.2.1). Everything else that the feed says of itself is left alone. Rejects as readEntry
 * throws, with the mistakes of all entries; a feed without an entry is a mistake too.
 */
export async function readFeedDocument(
  body: Buffer,
  charset: string | undefined,
  options: ReadOptions,
): Promise<EntryDraft[]> {
  return readFeedText(decodeXml(body, charset), options);
}

/** The same of a text. */
export async function readFeedText(source: string, options: ReadOptions): Promise<EntryDraft[]> {
  const reading = startReading(source, 'feed', options);
  await readInSlices(reading);
  const drafts: EntryDraft[] = [];
  const breathe = breather();
  for (const parts of reading.parts) {
    drafts.push(toDraft(reading, parts));
    await breathe();
  }
  return drafts;
}

/** What has been read of one entry. */
interface Parts {
  readonly check: EntryCheck;
  readonly path: string;
  /** The offset of the start tag. */
  readonly start: number;
  /** The start tag without its `>`. */
  readonly open: string;
  readonly name: string;
  readonly prefix: string;
  readonly innerStart: number;
  innerEnd: number;
  /** Below the entry's own. */
  elements: number;
  /** Offsets, in pairs, of the elements that only the server may say. */
  readonly dropped: number[];
  dropping: boolean;
  /** The offset of its atom:content, and of the end of that. */
  contentStart: number;
  contentEnd: number;
  readonly hasDefaultNamespace: boolean;
  /** There is an element outside of Atom to which no default namespace applies. */
  holdsForeign: boolean;
  /** One of these has no namespace: it would get one where a default namespace is in scope. */
  holdsNoNamespace: boolean;
}

/** What the entries of a feed document inherit. */
interface FeedScope {
  readonly namespaces: ReadonlyMap<string, string>;
  readonly lang: string | undefined;
  readonly base: string | undefined;
}

interface Mistake {
  readonly path: string;
  readonly message: string;
  readonly offset: number;
}

interface Reading {
  readonly scanner: XmlScanner;
  readonly source: string;
  readonly options: ReadOptions;
  /** The depth of an entry: 1, or 2 within a feed. */
  readonly entryDepth: number;
  readonly mistakes: Mistake[];
  mistakeCount: number;
  readonly parts: Parts[];
  current: Parts | undefined;
  scope: FeedScope | undefined;
  /** The feed's authors, each self-contained. */
  authors: string;
  /** The start tag of the author of the feed that is open, without its `>`. */
  author: { readonly open: string; readonly innerStart: number } | undefined;
}

function startReading(source: string, root: 'entry' | 'feed', options: ReadOptions): Reading {
  const handler: XmlHandler = {
    start: (tag) => onStart(reading, tag),
    text: (piece) => {
      if (reading.current !== undefined) takeText(reading.current.check, piece);
    },
    end: (start, end) => onEnd(reading, start, end),
  };
  const reading: Reading = {
    scanner: new XmlScanner(source, handler),
    source,
    options,
    entryDepth: root === 'entry' ? 1 : 2,
    mistakes: [],
    mistakeCount: 0,
    parts: [],
    current: undefined,
    scope: undefined,
    authors: '',
    author: undefined,
  };
  return reading;
}

async function readInSlices(reading: Reading): Promise<void> {
  await runInSlices(reading.scanner);
  refuseMistakes(reading);
}

function onStart(reading: Reading, tag: StartTag): void {
  const level = reading.scanner.depth - reading.entryDepth;
  const parts = reading.current;
  if (parts === undefined) {
    if (level === 0) startEntryOrOther(reading, tag);
    else if (level === -1) startFeed(reading, tag);
    return;
  }
  parts.elements++;
  if (tag.uri !== ATOM_NAMESPACE && !parts.hasDefaultNamespace && !parts.holdsNoNamespace) {
    const unqualified = reading.scanner.resolve('') === undefined;
    parts.holdsForeign ||= unqualified;
    parts.holdsNoNamespace = unqualified && tag.uri === '';
  }
  if (level === 2) {
    startPart(parts.check, tag);
  } else if (level === 1) {
    if (startChild(parts.check, tag)) {
      parts.dropped.push(tag.start);
      parts.dropping = true;
    } else if (tag.local === 'content' && tag.uri === ATOM_NAMESPACE) {
      parts.contentStart = tag.start;
    }
  }
}

function onEnd(reading: Reading, start: number, end: number): void {
  const parts = reading.current;
  const level = reading.scanner.depth - reading.entryDepth;
  if (parts === undefined) {
    if (level === 0) endAuthorOfFeed(reading, start);
    return;
  }
  if (level === 2) {
    endPart(parts.check);
  } else if (level === 1) {
    endChild(parts.check);
    if (parts.dropping) parts.dropped.push(end);
    parts.dropping = false;
    if (parts.contentEnd < parts.contentStart) parts.contentEnd = end;
  } else if (level === 0) {
    parts.innerEnd = start;
    if (parts.elements > MOST_ELEMENTS) {
      const message = `${parts.elements} elements; at most ${MOST_ELEMENTS} are taken in an entry`;
      addMistake(reading, parts.start, parts.path, message);
    }
    endEntry(parts.check, parts.start);
    reading.current = undefined;
  }
}

function startFeed(reading: Reading, tag: StartTag): void {
  checkRoot(reading, tag, 'feed');
  const attributes = tag.attributes;
  reading.scope = {
    namespaces: reading.scanner.namespaces(),
    lang: valueOf(attributes, 'lang'),
    base: valueOf(attributes, 'base'),
  };
  refuseHeavyScope(reading, tag.start);
}

/** So that a small document does not become a large one when each entry stands for itself. */
function refuseHeavyScope(reading: Reading, offset: number): void {
  const { scope, authors } = reading;
  if (scope === undefined) return;
  let size = authors.length + (scope.lang?.length ?? 0) + (scope.base?.length ?? 0);
  for (const [prefix, uri] of scope.namespaces) size += prefix.length + uri.length;
  if (size <= MOST_INHERITED) return;
  const message = `the namespaces, xml:lang, xml:base and authors of the feed have ${size} characters, and each entry would get all of them; at most ${MOST_INHERITED} are taken`;
  throw invalidEntries(reading, [{ path: 'feed', message, offset }], 1);
}

function startEntryOrOther(reading: Reading, tag: StartTag): void {
  if (reading.scope === undefined) {
    checkRoot(reading, tag, 'entry');
  } else if (tag.uri !== ATOM_NAMESPACE || tag.local !== 'entry') {
    if (tag.uri === ATOM_NAMESPACE && tag.local === 'author') {
      reading.author = { open: openTag(reading, tag), innerStart: tag.end };
    }
    return;
  }
  if (reading.parts.length >= MOST_ENTRIES_IN_BATCH) {
    throw new FeedsError(
      'too-large',
      `the document has more than ${String(MOST_ENTRIES_IN_BATCH)} entries; send them as several documents`,
    );
  }
  const path = reading.scope === undefined ? 'entry' : `feed/entry[${reading.parts.length + 1}]`;
  const { options, scanner } = reading;
  const report = (offset: number, below: string, message: string): void => {
    addMistake(reading, offset, below === '' ? path : `${path}/${below}`, message);
  };
  const parts: Parts = {
    check: entryCheck(scanner, options.limits, options.ownUrl, report),
    path,
    start: tag.start,
    open: openTag(reading, tag),
    name: tag.name,
    prefix: tag.prefix === '' ? '' : `${tag.prefix}:`,
    innerStart: tag.end,
    innerEnd: tag.end,
    elements: 0,
    dropped: [],
    dropping: false,
    contentStart: -1,
    contentEnd: -1,
    hasDefaultNamespace: scanner.resolve('') !== undefined,
    holdsForeign: false,
    holdsNoNamespace: false,
  };
  reading.parts.push(parts);
  reading.current = parts;
}

function checkRoot(reading: Reading, tag: StartTag, wanted: 'entry' | 'feed'): void {
  if (tag.uri === ATOM_NAMESPACE && tag.local === wanted) return;
  const mistake = (message: string): FeedsError =>
    invalidEntries(reading, [{ path: tag.local.slice(0, 80), message, offset: tag.start }], 1);
  if (tag.uri === ATOM_NAMESPACE && tag.local === 'feed') {
    throw mistake('this is an atom:feed: a feed is sent as application/atom+xml;type=feed (RFC 5023 §9.2)');
  }
  if (tag.uri === ATOM_NAMESPACE && tag.local === 'entry') {
    throw mistake('this is an atom:entry: a single entry is sent as application/atom+xml;type=entry (RFC 5023 §9.2)');
  }
  if (tag.uri === ATOM_03_NAMESPACE) {
    throw mistake(`${ATOM_03_NAMESPACE} is the outdated Atom 0.3: the namespace is ${ATOM_NAMESPACE} (RFC 4287 §2)`);
  }
  const found =
    tag.uri === ''
      ? `"${tag.local.slice(0, 80)}" without a namespace`
      : `"${tag.local.slice(0, 80)}" of ${tag.uri.slice(0, 200)}`;
  throw mistake(`the root is ${found}, but atom:${wanted} was expected: xmlns="${ATOM_NAMESPACE}" (RFC 4287 §2)`);
}

/**
 * The start tag as it was written, without its `>`, and with what it inherits from the feed around it. The publisher's own
 * text is not touched but for a relative xml:base, whose base would be gone.
 */
function openTag(reading: Reading, tag: StartTag): string {
  const { source, scope } = reading;
  const tail = tag.end - (tag.selfClosing ? 2 : 1);
  if (scope === undefined) return source.slice(tag.start, tail);
  const { attributes } = tag;
  let open = source.slice(tag.start, tail);
  const base = baseAttribute(attributes);
  const resolved = base === undefined ? scope.base : resolve(base.value, scope.base);
  if (base !== undefined && resolved !== undefined && resolved !== base.value) {
    open = `${source.slice(tag.start, base.start)}xml:base="${escapeAttribute(resolved)}"${source.slice(base.end, tail)}`;
  }
  if (base === undefined && resolved !== undefined) open += ` xml:base="${escapeAttribute(resolved)}"`;
  if (scope.lang !== undefined && valueOf(attributes, 'lang') === undefined) {
    open += ` xml:lang="${escapeAttribute(scope.lang)}"`;
  }
  const declared = new Set(attributes.map((attribute) => attribute.name));
  for (const [prefix, uri] of scope.namespaces) {
    const name = prefix === '' ? 'xmlns' : `xmlns:${prefix}`;
    if (!declared.has(name)) open += ` ${name}="${escapeAttribute(uri)}"`;
  }
  return open;
}

function baseAttribute(attributes: readonly Attribute[]): Attribute | undefined {
  return attributes.find(({ uri, local }) => uri === XML_NAMESPACE && local === 'base');
}

function valueOf(attributes: readonly Attribute[], local: 'lang' | 'base'): string | undefined {
  return attributes.find((attribute) => attribute.uri === XML_NAMESPACE && attribute.local === local)?.value;
}

/** A reference against a base, as it stands when either is nothing to resolve with. */
function resolve(reference: string, base: string | undefined): string {
  if (base === undefined || URL.canParse(reference) || !URL.canParse(reference, base)) return reference;
  return new URL(reference, base).href;
}

function endAuthorOfFeed(reading: Reading, end: number): void {
  const { author, source, scanner } = reading;
  if (author === undefined || scanner.depth !== reading.entryDepth) return;
  const name = /^<[^\s>/]+/.exec(author.open)![0].slice(1);
  reading.authors += `${author.open}>${source.slice(author.innerStart, Math.max(end, author.innerStart))}</${name}>`;
  reading.author = undefined;
  refuseHeavyScope(reading, author.innerStart);
}

function toDraft(reading: Reading, parts: Parts): EntryDraft {
  const { source } = reading;
  const { check, innerStart, innerEnd } = parts;
  const { counts } = check;
  const hasAuthor = counts.author !== undefined || check.sourceHasAuthor;
  const authors = hasAuthor ? '' : reading.authors;
  const close = `</${parts.name}>`;
  const sent = source.slice(innerStart, innerEnd) + authors;
  const known = `${parts.open}${parts.holdsNoNamespace ? NO_NAMESPACE : ''}>`;
  return {
    open: !parts.holdsNoNamespace && mayTellTypes(parts, sent) ? `${parts.open}${NO_NAMESPACE}>` : known,
    inner: parts.dropped.length === 0 ? sent : withoutDropped(source, parts) + authors,
    close,
    prefix: parts.prefix,
    // Without what only mayTellTypes adds: the first entries that were stored are known by a digest without it.
    digest: digest(known + sent + close),
    atomId: check.atomId,
    has: {
      title: counts.title !== undefined,
      updated: counts.updated !== undefined,
      published: counts.published !== undefined,
      author: hasAuthor || authors !== '',
    },
    published: check.published,
    terms: check.terms,
    content: check.payload.form === 'xml' ? { ...check.payload, text: contentText(source, parts) } : check.payload,
    describedBy: check.describedBy,
  };
}

function contentText(source: string, { contentStart, contentEnd }: Parts): string {
  return source.slice(contentStart, contentEnd);
}

/** May there be an xsi:type in the entry whose value would get a namespace on a page, where a default one is in scope? */
function mayTellTypes({ holdsForeign, open }: Parts, sent: string): boolean {
  return holdsForeign && (sent.includes(INSTANCE_NAMESPACE) || open.includes(INSTANCE_NAMESPACE));
}

function withoutDropped(source: string, parts: Parts): string {
  let inner = '';
  let from = parts.innerStart;
  for (let index = 0; index < parts.dropped.length; index += 2) {
    inner += source.slice(from, parts.dropped[index]);
    from = parts.dropped[index + 1]!;
  }
  return inner + source.slice(from, parts.innerEnd);
}

function addMistake(reading: Reading, offset: number, path: string, message: string): void {
  reading.mistakeCount++;
  if (reading.mistakes.length < MOST_VIOLATIONS) reading.mistakes.push({ path, message, offset });
}

function refuseMistakes(reading: Reading): void {
  if (reading.scope !== undefined && reading.parts.length === 0) {
    addMistake(reading, 0, 'feed', 'the feed holds no atom:entry to publish');
  }
  if (reading.mistakeCount > 0) throw invalidEntries(reading, reading.mistakes, reading.mistakeCount);
}

function invalidEntries(reading: Reading, mistakes: readonly Mistake[], count: number): FeedsError {
  const inOrder = mistakes.toSorted((one, other) => one.offset - other.offset);
  const { locate } = reading.options;
  const places = placesOf(
    reading.source,
    inOrder.map(({ offset }) => offset),
  );
  const violations: Violation[] = inOrder.map(({ path, message, offset }, index) =>
    locate === undefined ? { path, message, ...(places[index] as Place) } : { message, ...locate(offset, path) },
  );
  return invalidEntry(violations, count);
}
