import { randomUUID } from 'node:crypto';
import type { Request } from 'express';
import type { SentEntry } from '../actions/find-retries.js';
import type { NewEntry } from '../core/batch.js';
import type { SchemaVersion } from '../core/contract.js';
import { atomKey } from '../core/entry.js';
import type { Completion, Entry, EntryDraft, Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import { NO_LIMITS, feedAuthor, feedTitle } from '../core/feed.js';
import type { Feed } from '../core/feed.js';
import { indexTerms, normaliseTerm } from '../core/search.js';
import { namedUuid } from '../core/uuid.js';
import { readEntry } from '../formats/atom/atom-read.js';
import { completeEntry } from '../formats/atom/atom-write.js';

const MOST_KEY_CHARACTERS = 255;

/** What a contract makes of an entry that it accepts. */
export interface Accepted {
  /** The version that it was checked against; undefined: the feed has no contract. */
  readonly version: SchemaVersion | undefined;
  /** Categories taken from the content, without those that the entry has already. */
  readonly terms: readonly string[];
}

/** What was read of an entry, and what the server fills in where its publisher left that out. */
export interface PreparedEntry {
  readonly draft: EntryDraft;
  readonly completion: Completion;
  /** Both together. */
  readonly xml: string;
}

/** draft-ietf-httpapi-idempotency-key-header: a string, with or without its quotes. */
export function idempotencyKey(req: Request): string | undefined {
  const header = req.headers['idempotency-key'];
  if (typeof header !== 'string') return undefined;
  const key = header.trim().replace(/^"(.*)"$/, '$1');
  if (key === '' || key.length > MOST_KEY_CHARACTERS) {
    throw new FeedsError(
      'bad-parameter',
      `the Idempotency-Key has ${String(key.length)} characters; it takes 1 to ${String(MOST_KEY_CHARACTERS)}`,
    );
  }
  return key;
}

/** RFC 5023 §9.7.1: percent-encoded UTF-8. What cannot be decoded is taken as it stands: a Slug is a wish. */
export function slugOf(req: Request): string | undefined {
  const header = req.headers.slug;
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  let slug = header.trim();
  try {
    slug = decodeURIComponent(slug);
  } catch {
    // as it stands
  }
  // A title is one line, and of characters that XML can carry.
  return slug
    .toWellFormed()
    .replaceAll(/[\p{Cc}\ufffe\uffff]/gu, ' ')
    .slice(0, MOST_KEY_CHARACTERS)
    .toWellFormed();
}

export function prepareEntry(
  feed: Feed,
  draft: EntryDraft,
  now: Instant,
  given: { slug: string | undefined; key: string | undefined; revised?: Entry; published?: string | undefined },
): PreparedEntry {
  const atomId =
    draft.atomId ??
    given.revised?.atomId ??
    (given.key === undefined ? `urn:uuid:${randomUUID()}` : idOfKey(feed, given.key));
  const completion = {
    atomId,
    title: given.slug ?? feedTitle(feed),
    updated: now,
    published: given.published ?? now,
    author: feedAuthor(feed),
  };
  return { draft, completion, xml: completeEntry(draft, completion) };
}

/** The entry as it will be stored, with what the contract that accepted it makes of it. */
export function newEntry({ draft, completion, xml: plain }: PreparedEntry, accepted?: Accepted): NewEntry {
  const { atomId } = completion;
  const added = accepted?.terms ?? NOTHING;
  const xml = added.length === 0 ? plain : completeEntry(draft, { ...completion, categories: added });
  const sent = added.length === 0 ? draft.terms : [...draft.terms, ...added];
  const terms = sent.length === 0 ? [] : [...new Set(sent.map(normaliseTerm))];
  return {
    atomId,
    atomKey: atomKey(atomId),
    digest: draft.digest,
    xml,
    octets: Buffer.byteLength(xml),
    terms,
    indexTerms: indexTerms(terms),
    schemaVersion: accepted?.version,
  };
}

const NOTHING: readonly string[] = [];

/** The same key gives the same id in the same feed. The feed's own id stands there as text: ids in use are made so. */
function idOfKey(feed: Feed, key: string): string {
  return namedUuid(Buffer.from(`${feed.atomId}\0`), key);
}

/** When a stored entry says that it was published: an edit does not change that (RFC 4287 §4.2.9). */
export async function publishedOf(entry: Entry): Promise<string | undefined> {
  return (await readEntry(Buffer.from(entry.xml), 'utf-8', { limits: NO_LIMITS })).published;
}

/** By what a retry is known again. */
export function sentEntry({ draft, completion }: PreparedEntry): SentEntry {
  return { atomKey: atomKey(completion.atomId), digest: draft.digest };
}
