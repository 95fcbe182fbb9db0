import type { DraftContent } from '../../core/entry.js';
import type { Limits } from '../../core/feed.js';
import { isRfc3339 } from '../dates.js';
import { base64Check, jsonCheck } from './payload-check.js';
import type { PayloadCheck } from './payload-check.js';
import { essence } from '../media-types.js';
import type { StartTag, XmlScanner } from '../xml/xml.js';

export const ATOM_NAMESPACE = 'http://www.w3.org/2005/Atom';
const APP_NAMESPACE = 'http://www.w3.org/2007/app';
export const XHTML_NAMESPACE = 'http://www.w3.org/1999/xhtml';

/** Within an entry. Whoever renders it otherwise than as Atom holds them all in memory. */
export const MOST_ELEMENTS = 50_000;
/** Its length in UTF-8. */
const ID_BYTES = 1024;
/** Authors and contributors: who reads entries walks through all of them. */
const MOST_PERSONS = 1_000;

/** A mistake and the offset of the tag that it is in; a path below the entry, '' for the entry itself. */
type Report = (offset: number, path: string, message: string) => void;

/** What RFC 4287 has to say of an atom:entry, as far as it has been read. */
export interface EntryCheck {
  readonly scanner: XmlScanner;
  readonly limits: Limits;
  readonly ownUrl: string | undefined;
  readonly report: Report;

  atomId: string | undefined;
  published: string | undefined;
  readonly terms: string[];
  sourceHasAuthor: boolean;
  /** How many children of each name of RFC 4287 there were. */
  readonly counts: Partial<Record<ChildName, number>>;
  /** Links that are kept. */
  links: number;
  alternates: Set<string> | undefined;
  /** The version of the feed's own contract that it names, as it stands in the URL. */
  describedBy: string | undefined;
  /** What atom:content is, once it has been read. */
  payload: DraftContent;
  /** Why atom:summary must be there, if it must. */
  summaryNeeded: string | undefined;

  // The child that is open.
  child: ChildName | undefined;
  childStart: number;
  childType: string | undefined;
  text: string;
  elements: number;
  names: number;
  uris: number;
  emails: number;
  content: ContentRule | undefined;
  json: PayloadCheck | undefined;
  base64: PayloadCheck | undefined;
  // The child of the child.
  part: string | undefined;
  partStart: number;
}

type ChildName =
  | 'id'
  | 'title'
  | 'updated'
  | 'published'
  | 'content'
  | 'summary'
  | 'rights'
  | 'source'
  | 'author'
  | 'contributor'
  | 'category'
  | 'link';

/** RFC 4287 §4.1.3.3, rule by rule. */
type ContentRule = 'text' | 'html' | 'xhtml' | 'xml' | 'media-text' | 'base64' | 'json' | 'outside' | 'refused';

const FORMS: Readonly<Record<ContentRule, DraftContent['form']>> = {
  text: 'text',
  html: 'text',
  xhtml: 'xml',
  xml: 'xml',
  'media-text': 'text',
  base64: 'binary',
  json: 'binary',
  outside: 'outside',
  refused: 'none',
};

const CHILDREN: ReadonlyMap<string, ChildName> = new Map(
  (
    'id title updated published content summary rights source author contributor category link'.split(
      ' ',
    ) as ChildName[]
  ).map((name) => [name, name]),
);
/** RFC 4287 §4.1.2 */
const ONCE: ReadonlySet<ChildName> = new Set<ChildName>([
  'id',
  'title',
  'updated',
  'published',
  'content',
  'summary',
  'rights',
  'source',
]);
/** They have their place elsewhere in RFC 4287. Any other unknown name of Atom's may come from a later Atom (§6.2). */
const ELSEWHERE = new Set('feed entry generator icon logo subtitle name uri email'.split(' '));

const MEDIA_TYPE = /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+[ \t]*(?:;.*)?$/s;
/** A scheme, and then no character that RFC 3987 excludes, nor a "%" that begins no escape. */
const ABSOLUTE_IRI =
  /^[A-Za-z][A-Za-z0-9+.-]*:(?:[!#$&-;=?-[\]_a-z~\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\u{10000}-\u{10ffff}]|%[0-9A-Fa-f]{2})+$/u;
/** XML's: others are legal in an IRI. */
const NO_CONTENT: DraftContent = { form: 'none', type: '', text: '' };
const WHITE_SPACE = /[ \t\r\n]/;
const RELATION_PREFIX = 'http://www.iana.org/assignments/relation/';

export function entryCheck(
  scanner: XmlScanner,
  limits: Limits,
  ownUrl: string | undefined,
  report: Report,
): EntryCheck {
  return {
    scanner,
    limits,
    ownUrl,
    report,
    atomId: undefined,
    published: undefined,
    terms: [],
    sourceHasAuthor: false,
    counts: {},
    links: 0,
    alternates: undefined,
    describedBy: undefined,
    payload: NO_CONTENT,
    summaryNeeded: undefined,
    child: undefined,
    childStart: 0,
    childType: undefined,
    text: '',
    elements: 0,
    names: 0,
    uris: 0,
    emails: 0,
    content: undefined,
    json: undefined,
    base64: undefined,
    part: undefined,
    partStart: 0,
  };
}

/** A child of the entry begins. True when only the server may say it, so that it is not to be kept. */
export function startChild(check: EntryCheck, tag: StartTag): boolean {
  check.child = undefined;
  if (tag.uri !== ATOM_NAMESPACE) return tag.uri === APP_NAMESPACE && tag.local === 'edited';
  const local = tag.local;
  const name = CHILDREN.get(local);
  if (name === undefined) {
    if (ELSEWHERE.has(local)) {
      check.report(tag.start, local, `atom:${local} has no place in an entry (RFC 4287 §4.1.2)`);
    }
    return false;
  }
  const count = (check.counts[name] ?? 0) + 1;
  check.counts[name] = count;
  if (name === 'link' && isOurs(check, tag)) return true;

  check.child = name;
  check.childStart = tag.start;
  check.text = '';
  check.elements = 0;
  if (count === 2 && ONCE.has(name)) {
    check.report(tag.start, childPath(check), `an entry has at most one atom:${name} (RFC 4287 §4.1.2)`);
  }
  switch (name) {
    case 'category':
      startCategory(check, tag, count);
      break;
    case 'link':
      startLink(check, tag);
      break;
    case 'title':
    case 'summary':
    case 'rights':
      startTextConstruct(check, tag);
      break;
    case 'content':
      startContent(check, tag);
      break;
    case 'author':
    case 'contributor':
      check.names = 0;
      check.uris = 0;
      check.emails = 0;
      break;
    case 'source':
      break;
    default:
      check.scanner.textWanted = true;
  }
  return false;
}

/** A child of a child of the entry begins. */
export function startPart(check: EntryCheck, tag: StartTag): void {
  check.elements++;
  check.part = undefined;
  if (check.child === 'source') {
    if (tag.uri === ATOM_NAMESPACE && tag.local === 'author') check.sourceHasAuthor = true;
    return;
  }
  if (check.child === 'author' || check.child === 'contributor') {
    if (tag.uri !== ATOM_NAMESPACE) return;
    check.part = tag.local;
    check.partStart = tag.start;
    if (check.part === 'name') check.names++;
    else if (check.part === 'uri') check.uris++;
    else if (check.part === 'email') check.emails++;
    else return;
    check.text = '';
    check.scanner.textWanted = true;
    return;
  }
  // What is within is no text of the child's own.
  check.scanner.textWanted = false;
  if (check.childType === 'xhtml' && (tag.uri !== XHTML_NAMESPACE || tag.local !== 'div')) {
    const path = `${childPath(check)}/${tag.local}`;
    check.report(tag.start, path, 'type="xhtml" holds one div of http://www.w3.org/1999/xhtml (RFC 4287 §3.1.1.3)');
  }
}

export function takeText(check: EntryCheck, piece: string): void {
  if (check.content === 'json' || check.content === 'base64') {
    check.json?.take(piece);
    check.base64?.take(piece);
    if (check.json !== undefined) check.text += piece;
  } else {
    check.text += piece;
  }
}

export function endPart(check: EntryCheck): void {
  const { part } = check;
  if (check.child === 'author' || check.child === 'contributor') {
    check.scanner.textWanted = false;
    if (part === undefined) return;
    const path = `${childPath(check)}/${part}`;
    if (part === 'uri' && WHITE_SPACE.test(check.text)) {
      check.report(check.partStart, path, 'white space in an IRI (RFC 4287 §3)');
    }
    if (part === 'email' && !/^[^\s@]+@[^\s@]+$/.test(check.text)) {
      check.report(check.partStart, path, 'an e-mail address of the form name@host was expected (RFC 4287 §3.2.3)');
    }
  } else if (check.childType === 'xhtml') {
    check.scanner.textWanted = true;
  }
}

export function endChild(check: EntryCheck): void {
  const { child } = check;
  if (child === undefined) return;
  check.scanner.textWanted = false;
  switch (child) {
    case 'id':
      endId(check);
      break;
    case 'updated':
    case 'published':
      endDate(check, child);
      break;
    case 'title':
    case 'summary':
    case 'rights':
      endTextConstruct(check);
      break;
    case 'author':
    case 'contributor':
      endPerson(check);
      break;
    case 'content':
      endContent(check);
      break;
    default:
  }
  check.child = undefined;
  check.childType = undefined;
  check.content = undefined;
}

/** What only the whole entry can tell; `at` is the offset of its start tag. */
export function endEntry(check: EntryCheck, at: number): void {
  const { counts, limits, report } = check;
  const categories = counts.category ?? 0;
  if (categories > limits.categories) {
    report(at, '', `${categories} categories; this feed takes at most ${limits.categories} in an entry`);
  }
  if (check.links > limits.links) {
    report(at, '', `${check.links} links; this feed takes at most ${limits.links} in an entry`);
  }
  const persons = (counts.author ?? 0) + (counts.contributor ?? 0);
  if (persons > MOST_PERSONS) {
    report(at, '', `${persons} authors and contributors; at most ${MOST_PERSONS} are taken in an entry`);
  }
  if (counts.content === undefined && check.alternates === undefined) {
    report(at, '', 'neither atom:content nor an atom:link rel="alternate": one must be there (RFC 4287 §4.1.2)');
  }
  if (check.summaryNeeded !== undefined && counts.summary === undefined) {
    report(at, '', `atom:summary is missing: it must be there because ${check.summaryNeeded} (RFC 4287 §4.1.2)`);
  }
}

/** `category[3]`; without a number what normally comes once. */
function childPath(check: EntryCheck): string {
  const name = check.child!;
  const count = check.counts[name]!;
  return ONCE.has(name) && count === 1 ? name : `${name}[${count}]`;
}

function isOurs(check: EntryCheck, tag: StartTag): boolean {
  const relation = relationOf(tag);
  if (relation === 'edit' || relation === 'edit-media') return true;
  const { ownUrl } = check;
  if (ownUrl === undefined || (relation !== 'self' && relation !== 'describedby')) return false;
  const href = tag.attribute('href');
  if (href?.startsWith(ownUrl) !== true) return false;
  return relation === 'self' || isVersionOfOurs(check, tag, href.slice(ownUrl.length));
}

/** Which version of the feed's contract an entry is checked against is told again when it is read. */
function isVersionOfOurs(check: EntryCheck, tag: StartTag, path: string): boolean {
  const version = schemaVersionIn(path);
  if (version === undefined) return false;
  if (check.describedBy !== undefined && check.describedBy !== version) {
    const message = `names version ${version.slice(0, 40)} of the contract, but a link before it names ${check.describedBy.slice(0, 40)}`;
    check.report(tag.start, `link[${String(check.counts.link)}]/@href`, message);
  }
  check.describedBy ??= version;
  return true;
}

/** What stands behind `/schemas/` in the rest of a URL below its feed's; undefined: it is about something else. */
export function schemaVersionIn(path: string): string | undefined {
  return path.startsWith(SCHEMAS) ? path.slice(SCHEMAS.length) : undefined;
}
const SCHEMAS = '/schemas/';

/** RFC 4287 §4.2.7.2: a registered name and its IRI are the same; without one it is `alternate`. */
function relationOf(tag: StartTag): string {
  const relation = tag.attribute('rel') ?? 'alternate';
  return relation.startsWith(RELATION_PREFIX) ? relation.slice(RELATION_PREFIX.length) : relation;
}

function startCategory(check: EntryCheck, tag: StartTag, count: number): void {
  const term = tag.attribute('term');
  if (term === undefined || term === '') {
    const problem = term === undefined ? 'is missing' : 'is empty';
    check.report(tag.start, `${childPath(check)}/@term`, `the term of an atom:category ${problem} (RFC 4287 §4.2.2.1)`);
    return;
  }
  const limit = check.limits.categoryLength;
  // A string has at least as many units as characters.
  if (term.length > limit && characters(term) > limit) {
    check.report(
      tag.start,
      `${childPath(check)}/@term`,
      `the term has ${characters(term)} characters; this feed takes at most ${limit}`,
    );
  }
  const { terms } = check;
  // Beyond the limit the entry is refused anyway, and the search for repeats would cost the square.
  if (count <= check.limits.categories && !terms.includes(term)) terms.push(term);
}

function characters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) if ((text.charCodeAt(at) & 0xfc00) !== 0xdc00) count++;
  return count;
}

function startLink(check: EntryCheck, tag: StartTag): void {
  check.links++;
  const href = tag.attribute('href');
  if (href === undefined) {
    check.report(tag.start, `${childPath(check)}/@href`, 'the href of an atom:link is missing (RFC 4287 §4.2.7.1)');
  } else if (WHITE_SPACE.test(href)) {
    check.report(tag.start, `${childPath(check)}/@href`, 'white space in an IRI (RFC 4287 §3)');
  }
  if (relationOf(tag) !== 'alternate') return;
  const variant = JSON.stringify([tag.attribute('type') ?? '', tag.attribute('hreflang') ?? '']).toLowerCase();
  check.alternates ??= new Set();
  if (check.alternates.has(variant)) {
    const message = 'a second atom:link rel="alternate" of the same type and hreflang (RFC 4287 §4.1.2)';
    check.report(tag.start, childPath(check), message);
  }
  check.alternates.add(variant);
}

function startTextConstruct(check: EntryCheck, tag: StartTag): void {
  const type = tag.attribute('type') ?? 'text';
  check.childType = type;
  if (type === 'xhtml') check.scanner.textWanted = true;
  else if (type !== 'text' && type !== 'html') {
    const message = `"${type.slice(0, 80)}" is none of text, html and xhtml (RFC 4287 §3.1.1)`;
    check.report(tag.start, `${childPath(check)}/@type`, message);
  }
}

function endTextConstruct(check: EntryCheck): void {
  const { childType } = check;
  if (childType === 'xhtml') endXhtml(check);
  else if (check.elements > 0 && (childType === 'text' || childType === 'html')) {
    refuseElements(check, `type="${childType}"`, '§3.1.1');
  }
}

function endXhtml(check: EntryCheck): void {
  if (check.elements === 1 && !/[^ \t\n\r]/.test(check.text)) return;
  const found = check.elements === 1 ? 'text beside it' : `${check.elements} elements`;
  check.report(
    check.childStart,
    childPath(check),
    `type="xhtml" holds one div of ${XHTML_NAMESPACE} and nothing else, but has ${found} (RFC 4287 §3.1.1.3)`,
  );
}

function refuseElements(check: EntryCheck, what: string, section: string): void {
  check.report(
    check.childStart,
    childPath(check),
    `${what} holds text only: its markup must be escaped (RFC 4287 ${section})`,
  );
}

function endId(check: EntryCheck): void {
  const { text } = check;
  check.atomId = text;
  if (check.elements > 0) {
    refuseElements(check, 'atom:id', '§4.2.6');
    return;
  }
  const problem = idProblem(text);
  if (problem !== undefined) check.report(check.childStart, childPath(check), problem);
}

function idProblem(id: string): string | undefined {
  if (id === '') return 'the id is empty; leave atom:id out to have one made (RFC 4287 §4.2.6)';
  if (id.length > ID_BYTES / 4 && Buffer.byteLength(id) > ID_BYTES) {
    return `the id has ${Buffer.byteLength(id)} bytes in UTF-8; at most ${ID_BYTES} are taken`;
  }
  if (ABSOLUTE_IRI.test(id)) return undefined;
  const shown = JSON.stringify(id.length > 80 ? `${id.slice(0, 79)}…` : id);
  if (WHITE_SPACE.test(id)) return `white space in the id ${shown} (RFC 4287 §3)`;
  return `${shown} is no absolute IRI, such as urn:uuid:… or https://… (RFC 4287 §4.2.6)`;
}

function endDate(check: EntryCheck, name: 'updated' | 'published'): void {
  const { text } = check;
  if (name === 'published') check.published = text;
  if (check.elements > 0) {
    refuseElements(check, `atom:${name}`, '§3.3');
    return;
  }
  if (isRfc3339(text)) return;
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
  check.report(
    check.childStart,
    childPath(check),
    `${shown} is no date of RFC 3339 with upper-case T and Z, such as 2024-03-11T15:00:09.482Z (RFC 4287 §3.3)`,
  );
}

function endPerson(check: EntryCheck): void {
  const { names, uris, emails } = check;
  const complain = (message: string): void => check.report(check.childStart, childPath(check), message);
  if (names !== 1) complain(`a person has exactly one atom:name, not ${names} (RFC 4287 §3.2.1)`);
  if (uris > 1) complain(`a person has at most one atom:uri, not ${uris} (RFC 4287 §3.2.2)`);
  if (emails > 1) complain(`a person has at most one atom:email, not ${emails} (RFC 4287 §3.2.3)`);
}

function startContent(check: EntryCheck, tag: StartTag): void {
  const type = tag.attribute('type');
  const src = tag.attribute('src');
  check.childType = type ?? 'text';
  check.content = contentRule(type, src !== undefined);
  check.payload = { form: FORMS[check.content], type: type ?? 'text', text: '' };
  if (check.content === 'refused') {
    check.report(
      tag.start,
      `${childPath(check)}/@type`,
      `"${(type ?? '').slice(0, 80)}" is neither text, html, xhtml nor a media type that is not multipart or message (RFC 4287 §4.1.3.1)`,
    );
  }
  if (src === undefined) {
    if (check.content === 'json') check.json = jsonCheck();
    if (check.content === 'json' || check.content === 'base64') check.base64 = base64Check();
    check.scanner.textWanted = check.json !== undefined || check.base64 !== undefined || check.content === 'xhtml';
    return;
  }
  check.childType = undefined;
  check.scanner.textWanted = true;
  check.summaryNeeded = 'the content has a src';
  if (WHITE_SPACE.test(src)) check.report(tag.start, `${childPath(check)}/@src`, 'white space in an IRI (RFC 4287 §3)');
}

function contentRule(type: string | undefined, outside: boolean): ContentRule {
  if (type === undefined || type === 'text' || type === 'html' || type === 'xhtml') {
    // §4.1.3.2: with src, type SHOULD be there and then is a media type.
    if (outside) return type === undefined ? 'outside' : 'refused';
    return type ?? 'text';
  }
  if (type === 'application/xml' && !outside) return 'xml';
  if (!MEDIA_TYPE.test(type)) return 'refused';
  const name = essence(type);
  if (name.startsWith('multipart/') || name.startsWith('message/')) return 'refused';
  if (outside) return 'outside';
  if (name.endsWith('/xml') || name.endsWith('+xml')) return 'xml';
  if (name.startsWith('text/')) return 'media-text';
  return name.endsWith('/json') || name.endsWith('+json') ? 'json' : 'base64';
}

function endContent(check: EntryCheck): void {
  const { content, elements, childType } = check;
  const complain = (message: string): void => check.report(check.childStart, childPath(check), message);
  switch (content) {
    case 'text':
    case 'html':
    case 'media-text':
      if (elements > 0) refuseElements(check, `type="${childType?.slice(0, 80)}"`, '§4.1.3.3');
      break;
    case 'xhtml':
      endXhtml(check);
      break;
    case 'xml':
      if (elements > 1)
        complain(`content of an XML media type has one child element, not ${elements} (RFC 4287 §4.1.3.3)`);
      break;
    case 'outside':
      if (elements > 0 || check.text !== '') complain('content with a src must be empty (RFC 4287 §4.1.3.2)');
      break;
    case 'json':
    case 'base64':
      if (elements > 0) refuseElements(check, `type="${childType?.slice(0, 80)}"`, '§4.1.3.3');
      else endPayload(check, complain);
      break;
    default:
  }
  check.json = undefined;
  check.base64 = undefined;
}

/**
 * §4.1.3.3 wants Base64, and then §4.1.2 a summary. Publishers of Cloud Feeds send JSON as plain text instead, which is kept
 * as it is when it parses.
 */
function endPayload(check: EntryCheck, complain: (message: string) => void): void {
  const notJson = check.json === undefined ? '' : check.json.problem();
  if (notJson === undefined) {
    check.payload = { ...check.payload, form: 'json', text: check.text };
    return;
  }
  const notBase64 = check.base64?.problem();
  if (notBase64 === undefined) {
    check.summaryNeeded = 'the content is Base64';
    if (check.json !== undefined) check.payload = { ...check.payload, form: 'json-in-base64', text: check.text };
    return;
  }
  const type = check.childType?.slice(0, 80);
  if (notJson === '') complain(`content of type="${type}" must be Base64 (RFC 4287 §4.1.3.3), but ${notBase64}`);
  else
    complain(`content of type="${type}" must be JSON, but ${notJson}; or Base64 (RFC 4287 §4.1.3.3), but ${notBase64}`);
}
