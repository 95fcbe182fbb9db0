import { createHash, randomUUID } from 'node:crypto';
import type { Request, Response, Router } from 'express';
import { publishEntries } from '../../actions/publish.js';
import { deleteEntry, reviseEntry } from '../../actions/revise-entry.js';
import type { NewEntry, Precondition } from '../../core/batch.js';
import { atomKey } from '../../core/entry.js';
import type { Entry, EntryDraft, Instant } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import { feedAuthor, feedTitle } from '../../core/feed.js';
import type { Feed, Limits } from '../../core/feed.js';
import { indexTerms, normaliseTerm } from '../../core/search.js';
import { readEntry, readFeedDocument } from '../../formats/atom-read.js';
import { completeEntry, entryDocument, feedDocument, tombstone } from '../../formats/atom-write.js';
import { ATOM, ATOM_ENTRY, ATOM_FEED, parseMediaType } from '../../formats/media-types.js';
import { findMember } from '../../store/pages.js';
import { receiveBody } from '../body.js';
import type { QuickWays } from '../front.js';
import { acceptAtom, give, revalidate } from '../give.js';
import { may } from '../middleware/may.js';
import { VARY, send } from '../respond.js';
import type { Services } from '../services.js';
import { baseTag, entryTag, mayChange, quoted } from '../tags.js';

const ENTRY_CONTENT_TYPE = `${ATOM_ENTRY};charset=utf-8`;
const MOST_KEY_CHARACTERS = 255;
/** A document is written whole, and all others wait for it: so many entries take some tenths of a second. */
const MOST_ENTRIES_IN_DOCUMENT = 5_000;

/**
 * `POST /feeds/{workspace}/{feed}` publishes (RFC 5023 §9.2); `GET, PUT, DELETE …/entries/{id}` are a member
 * (RFC 5023 §9.1, §9.3, §9.4), PUT and DELETE on editable feeds only.
 */
export function addEntryRoutes(router: Router, services: Services): Pick<QuickWays, 'publish'> {
  const base = baseTag(services.urls.base);
  const collection = '/feeds/:workspace/:feed';
  const member = '/feeds/:workspace/:feed/entries/*id';
  router.post(collection, may('publish', services), publish);
  router.get(member, may('read', services), readMember);
  router.put(member, may('publish', services), replaceMember);
  router.delete(member, may('publish', services), deleteMember);
  return { publish };

  async function publish(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    const { kind, charset } = publishedType(req);
    acceptAtom(req);
    const key = idempotencyKey(req);
    const body = await receiveBody(req, feed.settings.limits.bodyBytes, services.bodies);
    const options = { limits: feed.settings.limits, ownUrl: services.urls.feed(feed) };
    const now = new Date().toISOString();
    const slug = slugOf(req);
    if (kind === 'feed') {
      const drafts = await readFeedDocument(body, charset, options);
      if (drafts.length > MOST_ENTRIES_IN_DOCUMENT) {
        throw new FeedsError(
          'too-large',
          `the document has ${String(drafts.length)} entries, more than the ${String(MOST_ENTRIES_IN_DOCUMENT)} that are taken at once; send them as several documents`,
        );
      }
      const entries = drafts.map((draft, index) =>
        newEntry(feed, draft, now, { slug: undefined, key: key === undefined ? undefined : `${key} ${String(index)}` }),
      );
      const published = await publishEntries(services, feed, entries);
      const stored = published.map((one) => one.entry);
      const replayed = published.every((one) => one.replayed);
      const document = feedDocument(
        {
          feed,
          updated: stored[stored.length - 1]?.recordedAt ?? now,
          links: [{ rel: 'self', href: services.urls.feed(feed) }],
          archive: false,
        },
        stored,
        services.urls,
      );
      send(
        req,
        res,
        201,
        ['content-type', `${ATOM_FEED};charset=utf-8`, 'vary', VARY, 'cache-control', 'no-store', ...replay(replayed)],
        document,
      );
      return;
    }
    const read = readEntry(body, charset, options);
    const draft = read instanceof Promise ? await read : read;
    const [published] = await publishEntries(services, feed, [newEntry(feed, draft, now, { slug, key })]);
    if (published === undefined) throw new Error('one entry was published and none came back');
    const { entry, replayed } = published;
    const url = services.urls.entry(feed, entry.atomId);
    send(
      req,
      res,
      201,
      [
        ...['content-type', ENTRY_CONTENT_TYPE, 'location', url, 'content-location', url],
        ...['etag', quoted(entryTag(base, feed, epochs.current, entry, 'atom'), 'identity')],
        ...['vary', VARY, 'cache-control', 'no-store', ...replay(replayed)],
      ],
      entryDocument(entry, feed, services.urls),
    );
  }

  async function readMember(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    acceptAtom(req);
    const entry = await memberOf(services, req);
    const page = {
      tag: entryTag(base, feed, epochs.current, entry, 'atom'),
      headers: ['content-type', ENTRY_CONTENT_TYPE, 'vary', VARY],
      body: Buffer.from(entryDocument(entry, feed, services.urls)),
      coded: {},
    };
    await give(req, res, page, revalidate(req));
  }

  async function replaceMember(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    editableOnly(feed);
    const { kind, charset } = publishedType(req);
    if (kind === 'feed')
      throw new FeedsError('unsupported-media-type', `a member is replaced by one entry: ${ATOM_ENTRY}`);
    acceptAtom(req);
    if (req.headers['if-match'] === undefined) {
      throw new FeedsError(
        'precondition-required',
        'PUT needs an If-Match with the ETag of the revision that is to be replaced',
      );
    }
    const body = await receiveBody(req, feed.settings.limits.bodyBytes, services.bodies);
    const draft = await readEntry(body, charset, { limits: feed.settings.limits, ownUrl: services.urls.feed(feed) });
    const current = await memberOf(services, req);
    if (draft.atomId !== undefined && draft.atomId !== current.atomId) {
      throw new FeedsError(
        'conflict',
        `the entry's atom:id is ${draft.atomId}, but the member at this URL has the id ${current.atomId}`,
      );
    }
    const entry = newEntry(feed, draft, new Date().toISOString(), {
      slug: undefined,
      key: undefined,
      revised: current,
      published: draft.has.published ? undefined : await publishedOf(current),
    });
    const stored = await reviseEntry(services, feed, entry, preconditionOf(req));
    const tag = quoted(entryTag(base, feed, epochs.current, stored, 'atom'), 'identity');
    const url = services.urls.entry(feed, stored.atomId);
    send(
      req,
      res,
      200,
      [
        'etag',
        tag,
        'content-type',
        ENTRY_CONTENT_TYPE,
        'content-location',
        url,
        'vary',
        VARY,
        'cache-control',
        'no-store',
      ],
      entryDocument(stored, feed, services.urls),
    );
  }

  async function deleteMember(req: Request, res: Response): Promise<void> {
    const { feed } = req.known;
    editableOnly(feed);
    const current = await memberOf(services, req);
    const stone = tombstone(current.atomId, new Date().toISOString());
    await deleteEntry(services, feed, current.atomId, stone, preconditionOf(req));
    send(req, res, 204, ['vary', VARY], '');
  }
}

function preconditionOf(req: Request): Precondition {
  const { 'if-match': match, 'if-none-match': noneMatch } = req.headers;
  const { current } = req.known.epochs;
  return (position) => mayChange({ match, noneMatch }, current, position);
}

function replay(replayed: boolean): string[] {
  return replayed ? ['idempotent-replayed', 'true'] : [];
}

interface PublishedType {
  readonly kind: 'entry' | 'feed';
  readonly charset: string | undefined;
}

/** How most clients write it. */
const USUAL_TYPES = new Map<string, PublishedType>([
  [ATOM, { kind: 'entry', charset: undefined }],
  [ATOM_ENTRY, { kind: 'entry', charset: undefined }],
  [ATOM_FEED, { kind: 'feed', charset: undefined }],
]);

/** RFC 5023 §9.2: one entry, or as one batch the entries of a feed document; told apart by the media type alone. */
function publishedType(req: Request): PublishedType {
  const header = req.headers['content-type'];
  const usual = USUAL_TYPES.get(header ?? '');
  if (usual !== undefined) return usual;
  const mediaType = header === undefined ? undefined : parseMediaType(header);
  if (mediaType?.type === ATOM) {
    const kind = mediaType.parameters.get('type')?.toLowerCase() ?? 'entry';
    if (kind === 'entry' || kind === 'feed') return { kind, charset: mediaType.parameters.get('charset') };
  }
  const sent = header === undefined ? 'the body has no Content-Type' : `the body is sent as "${header.slice(0, 100)}"`;
  throw new FeedsError('unsupported-media-type', `${sent}; an entry is sent as ${ATOM}, several as ${ATOM_FEED}`);
}

/** draft-ietf-httpapi-idempotency-key-header: a string, with or without its quotes. */
function idempotencyKey(req: Request): string | undefined {
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
function slugOf(req: Request): string | undefined {
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

/** The entry as it will be stored: what the publisher left to the server is filled in. */
function newEntry(
  feed: Feed,
  draft: EntryDraft,
  now: Instant,
  given: { slug: string | undefined; key: string | undefined; revised?: Entry; published?: string | undefined },
): NewEntry {
  const atomId =
    draft.atomId ??
    given.revised?.atomId ??
    (given.key === undefined ? `urn:uuid:${randomUUID()}` : namedUuid(feed.atomId, given.key));
  const xml = completeEntry(draft, {
    atomId,
    title: given.slug ?? feedTitle(feed),
    updated: now,
    published: given.published ?? now,
    author: feedAuthor(feed),
  });
  const terms = draft.terms.length === 0 ? [] : [...new Set(draft.terms.map(normaliseTerm))];
  return {
    atomId,
    atomKey: atomKey(atomId),
    digest: draft.digest,
    xml,
    octets: Buffer.byteLength(xml),
    terms,
    indexTerms: indexTerms(terms),
  };
}

const NO_LIMITS: Limits = {
  bodyBytes: Infinity,
  categories: Infinity,
  categoryLength: Infinity,
  links: Infinity,
};

/** When a stored entry says that it was published: an edit does not change that (RFC 4287 §4.2.9). */
async function publishedOf(entry: Entry): Promise<string | undefined> {
  return (await readEntry(Buffer.from(entry.xml), 'utf-8', { limits: NO_LIMITS })).published;
}

/** RFC 9562 §5.5: the same key gives the same id in the same feed. */
function namedUuid(namespace: string, name: string): string {
  const hash = createHash('sha1').update(namespace).update('\0').update(name).digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex');
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The member that the URL names, by the rest of its path: decoded once, then as it stands. */
async function memberOf(services: Services, req: Request): Promise<Entry> {
  const { feed } = req.known;
  const path = req.url.split('?', 1)[0] ?? '';
  const raw = path.split('/').slice(5).join('/');
  let decoded = raw;
  try {
    decoded = decodeURIComponent(raw);
  } catch {
    // as it stands
  }
  for (const atomId of new Set([decoded, raw])) {
    const found = await findMember(services.db, feed, atomKey(atomId));
    if (found?.kind === 'tombstone') throw new FeedsError('gone', `the entry ${atomId} was deleted`);
    if (found !== undefined) return found;
  }
  throw new FeedsError('not-found', `no entry of this feed has the id ${decoded.slice(0, 1_024)}`);
}

function editableOnly(feed: Feed): void {
  if (!feed.settings.editable) {
    throw new FeedsError('method-not-allowed', 'entries of this feed are facts: they are neither changed nor deleted', {
      allow: ['GET', 'HEAD', 'OPTIONS'],
    });
  }
}
