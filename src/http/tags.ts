import { createHash } from 'node:crypto';
import type { LogState } from '../core/epoch.js';
import type { Entry, Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { View } from '../core/view.js';
import type { Coding } from '../formats/negotiate.js';

/**
 * Entity tags. Each names an epoch and a position, so that a tag from beyond the log can be recognised as such, and
 * whatever else the bytes depend on: the public URL, the settings and the floor of the feed, the representation and the
 * coding: "epoch-base-settings-floor-place-representation[-coding]". The place is `h` and the head for what the next
 * entry changes, `c` for what it does not, `p` and the position for a revision of an entry.
 */

/** Grows when the same rows are rendered to other bytes than by the version before. */
const RENDERING = '2';

/** What of the server the bytes depend on: its version, its public URL, and what names the style of its pages. */
export function baseTag(publicUrl: string, style: string): string {
  return createHash('sha256').update(`${RENDERING} ${publicUrl} ${style}`).digest('hex').slice(0, 4);
}

/** A representation as it is in the view: who does not see what is private gets other bytes. */
export function inViewOf(view: Pick<View, 'kind'>, representation: string): string {
  return view.kind === 'whole' ? representation : `${representation}.o`;
}

/** Without quotes and coding. Not for a view of tenants: it names a position. */
export function pageTag(base: string, feed: Feed, log: LogState, closed: boolean, representation: string): string {
  const place = closed ? 'c' : `h${String(log.head)}`;
  // Joined it is one piece, and need not be made one each time that it is compared.
  return [log.epochs.current, base, String(feed.settingsVersion), String(log.firstKept), place, representation].join(
    '-',
  );
}

/** The tag of a feed's pages as it is known, made once for each head. */
export type KnownPageTags = (
  known: LogState & { readonly feed: Feed },
  closed: boolean,
  view: Pick<View, 'kind'>,
  representation: string,
) => string;

export function knownPageTags(base: string): KnownPageTags {
  interface Made {
    readonly head: Position;
    readonly tags: { closed: boolean; kind: View['kind']; representation: string; tag: string }[];
  }
  const made = new WeakMap<LogState, Made>();
  return (known, closed, view, representation) => {
    let ofHead = made.get(known);
    if (ofHead?.head !== known.head) made.set(known, (ofHead = { head: known.head, tags: [] }));
    for (const one of ofHead.tags)
      if (one.representation === representation && one.kind === view.kind && one.closed === closed) return one.tag;
    const tag = pageTag(base, known.feed, known, closed, inViewOf(view, representation));
    ofHead.tags.push({ closed, kind: view.kind, representation, tag });
    return tag;
  };
}

export function entryTag(
  base: string,
  feed: Feed,
  epoch: string,
  entry: Pick<Entry, 'position'>,
  representation: string,
): string {
  return `${epoch}-${base}-${String(feed.settingsVersion)}-0-p${String(entry.position)}-${representation}`;
}

/** Of a document that has nothing but its bytes to be told from others by, and what is told beside them in headers. */
export function bodyTag(body: Buffer, besides = ''): string {
  return createHash('sha256').update(`${besides}\n`).update(body).digest('hex').slice(0, 32);
}

/** As it stands in the header. Strong: each coding has a tag of its own (RFC 9110 §8.8.3.3). */
export function quoted(tag: string, coding: Coding): string {
  return coding === 'identity' ? `"${tag}"` : `"${tag}-${coding}"`;
}

const LISTED = /(?:W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"/g;

/** The opaque tags of an If-None-Match or If-Match list, with their strength; `*` is not among them. */
export function listedTags(header: string): { tag: string; weak: boolean }[] {
  return [...header.matchAll(LISTED)].map(([whole, tag = '']) => ({ tag, weak: whole.startsWith('W/') }));
}

/** If-None-Match: weak comparison (RFC 9110 §13.1.2), whatever the coding that the client has. */
export function noneMatchFits(header: string, tag: string): boolean {
  if (header === `"${tag}"`) return true;
  if (header.trim() === '*') return true;
  return header.includes(tag) && listedTags(header).some((listed) => withoutCoding(listed.tag) === tag);
}

/**
 * Of the tags in an If-None-Match the one that is this tag in some coding, in quotes; that of the wanted coding when it is
 * listed. Undefined for `*`, which tells nothing of what the client holds.
 */
export function heldTag(header: string, tag: string, wanted: Coding): string | undefined {
  if (wanted === 'identity' && isQuoted(header, tag)) return header;
  const best = quoted(tag, wanted);
  if (header === best) return best;
  if (!header.includes(tag)) return undefined;
  const held = listedTags(header).filter((listed) => withoutCoding(listed.tag) === tag);
  const [first] = held;
  if (first === undefined) return undefined;
  return held.some((listed) => `"${listed.tag}"` === best) ? best : `"${first.tag}"`;
}

/** Is it this tag and nothing else? To put quotes around the tag would take longer than to compare. */
function isQuoted(header: string, tag: string): boolean {
  return (
    header.length === tag.length + 2 && header.startsWith('"') && header.endsWith('"') && header.startsWith(tag, 1)
  );
}

/** If-Match where nothing is written: strong comparison, in whatever coding. */
export function strongMatchFits(header: string, tag: string): boolean {
  if (header.trim() === '*') return true;
  return listedTags(header).some((listed) => !listed.weak && withoutCoding(listed.tag) === tag);
}

/**
 * Do If-Match and If-None-Match let a change of the entry at this position pass (RFC 9110 §13.1)? The tag of any
 * representation or coding of the current revision will do.
 */
export function mayChange(
  { match, noneMatch }: { match: string | undefined; noneMatch: string | undefined },
  epoch: string,
  position: Position,
): boolean {
  const names = (header: string, comparison: 'strong' | 'weak'): boolean =>
    header.trim() === '*' ||
    listedTags(header).some(({ tag, weak }) => {
      const parsed = parseTag(tag);
      const comparable = comparison === 'weak' || !weak;
      return comparable && parsed?.kind === 'p' && parsed.epoch === epoch && parsed.position === position;
    });
  return (match === undefined || names(match, 'strong')) && (noneMatch === undefined || !names(noneMatch, 'weak'));
}

export interface ParsedTag {
  readonly epoch: string;
  readonly kind: 'h' | 'p';
  readonly position: Position;
}

const OURS = /^([0-9a-f]{8})-[0-9a-f]{4}-\d{1,10}-\d{1,18}-([hp])(\d{1,18})-/;

/** The epoch and place in a tag of ours; undefined: it is none, or names no place. */
export function parseTag(tag: string): ParsedTag | undefined {
  const [, epoch, kind, position] = OURS.exec(tag) ?? [];
  if (epoch === undefined || position === undefined) return undefined;
  return { epoch, kind: kind === 'p' ? 'p' : 'h', position: BigInt(position) };
}

function withoutCoding(tag: string): string {
  return tag.replace(/-(?:gzip|br)$/, '');
}
