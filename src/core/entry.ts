import crypto from 'node:crypto';
import type { SchemaVersion } from './contract.js';
import type { Author } from './feed.js';

/** A place in a feed's log: 1, 2, 3 … without gaps; 0 is the place before the first entry. */
export type Position = bigint;

/** RFC 3339 in UTC, with up to microseconds. */
export type Instant = string;

/** 128 bits, as Postgres' uuid takes them. */
export type Digest = Buffer;

/**
 * An entry as its publisher sent it, read once and never re-serialised: the pieces below are slices of the
 * publisher's own text. `open + inner + close` is its self-contained Atom form; `digest` is made of what was sent.
 */
export interface EntryDraft {
  /** The start tag with every namespace, xml:lang and xml:base that is in scope: `<atom:entry xmlns:atom="…">`. */
  readonly open: string;
  /** What stands between the tags, without what only the server may say (app:edited, its own links). */
  readonly inner: string;
  /** `</atom:entry>` */
  readonly close: string;
  /** `atom:` or the empty string: how this entry's text writes the Atom namespace. */
  readonly prefix: string;
  readonly digest: Digest;
  readonly atomId: string | undefined;
  readonly has: {
    readonly title: boolean;
    readonly updated: boolean;
    readonly published: boolean;
    readonly author: boolean;
  };
  /** The text of atom:published, if there is one. */
  readonly published: string | undefined;
  /** The terms of its categories, as sent, without repeats. */
  readonly terms: readonly string[];
  readonly content: DraftContent;
  /** The version of the feed's own contract that it names (atom:link rel="describedby"), as it stands in the URL. */
  readonly describedBy: string | undefined;
}

/** What atom:content is, for who wants to know more of it. */
export interface DraftContent {
  /** With `xml` the text is that of the atom:content element itself. */
  readonly form: 'none' | 'text' | 'xml' | 'json' | 'json-in-base64' | 'binary' | 'outside';
  /** As it was written; `text` where it was not. */
  readonly type: string;
  readonly text: string;
}

/** What the server puts where the publisher left something out. */
export interface Completion {
  readonly atomId: string;
  readonly title: string;
  readonly updated: Instant;
  readonly published: Instant | undefined;
  readonly author: Author;
  /** Terms that its contract takes from its content. */
  readonly categories?: readonly string[];
}

export type EntryKind = 'entry' | 'revision' | 'tombstone';

/** An entry as the log holds it. */
export interface Entry {
  readonly position: Position;
  readonly kind: EntryKind;
  readonly atomId: string;
  /** Self-contained Atom, from `<…entry` to `</…entry>`; of a tombstone the at:deleted-entry element. */
  readonly xml: string;
  readonly recordedAt: Instant;
  /** The version of the feed's contract that it was checked against. */
  readonly schemaVersion?: SchemaVersion | undefined;
  /** What tells this revision from others for those who are not told positions; undefined: its position does. */
  readonly revisionName?: string | undefined;
}

/** The key that uniqueness is kept on, 128 bits of SHA-256: an id may be too long for an index. */
export function atomKey(atomId: string): Digest {
  return hashed('sha256', atomId);
}

/** What tells one content from another, 128 bits of SHA-512: without help of the processor the faster of the two. */
export function digest(text: string): Digest {
  return hashed('sha512', text);
}

/** In one call where Node has it (20.12), and without a buffer of its own for each: half the time for an id. */
function hashed(algorithm: 'sha256' | 'sha512', text: string): Digest {
  const { hash } = crypto as Partial<Pick<typeof crypto, 'hash'>>;
  if (hash === undefined) return crypto.createHash(algorithm).update(text, 'utf8').digest().subarray(0, 16);
  return Buffer.from(hash(algorithm, text, 'binary').slice(0, 16), 'binary');
}
