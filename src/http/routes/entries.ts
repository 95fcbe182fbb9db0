import { randomUUID } from 'node:crypto';
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
import { namedUuid } from '../../core/uuid.js';
import { readEntry } from '../../formats/atom/atom-read.js';
import { completeEntry, entryDocument, tombstone } from '../../formats/atom/atom-write.js';
import { STYLE_SOURCE } from '../../formats/html/html-frame.js';
import { ATOM_ENTRY, FORMATS } from '../../formats/media-types.js';
import type { Format } from '../../formats/media-types.js';
import { writeEntry, writePage } from '../../formats/render.js';
import { findMember } from '../../store/pages.js';
import { receiveBody } from '../body.js';
import type { QuickWays } from '../front.js';
import { give, revalidate } from '../give.js';
import { headersFor } from '../html-headers.js';
import { may } from '../middleware/may.js';
import { answerFormat, entryFormat } from '../representation.js';
import { VARY, send } from '../respond.js';
import type { Services } from '../services.js';
import { submissionOf } from '../submission.js';
import type { Submission } from '../submission.js';
import { baseTag, entryTag, mayChange, quoted } from '../tags.js';

const MOST_KEY_CHARACTERS = 255;

/**
 * `POST /feeds/{workspace}/{feed}` publishes (RFC 5023 §9.2); `GET, PUT, DELETE …/entries/{id}` are a member
 * (RFC 5023 §9.1, §9.3, §9.4), PUT and DELETE on editable feeds only.
 */
export function addEntryRoutes(router: Router, services: Services): Pick<QuickWays, 'publish'> {
  const base = baseTag(services.urls.base, STYLE_SOURCE);
  const collection = '/feeds/:workspace/:feed';
  const member = '/feeds/:workspace/:feed/entries/*id';
  router.post(collection, may('publish', services), publish);
  router.get(member, may('read', services), readMember);
  router.put(member, may('publish', services), replaceMember);
  router.delete(member, may('publish', services), deleteMember);
  return { publish };

  async function publish(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    const submission = submissionOf(req);
    // What cannot be answered is not published.
    const early = submission.kind === undefined ? undefined : answerIn(req, submission, submission.kind);
    const key = idempotencyKey(req);
    const body = await receiveBody(req, feed.settings.limits.bodyBytes, services.bodies);
    const now = new Date().toISOString();
    const slug = slugOf(req);
    const read = submission.read(body, { feed, ownUrl: services.urls.feed(feed), turns: services.turns.bodies });
    const { kind, drafts } = read instanceof Promise ? await read : read;
    const format = early ?? answerIn(req, submission, kind);
    if (kind === 'feed') {
      await publishAll(req, res, drafts, { sent: submission.format, format, now, key });
      return;
    }
    const [draft] = drafts;
    if (draft === undefined) throw new Error('an entry was read and is not there');
    const [published] = await publishEntries(services, feed, [newEntry(feed, draft, now, { slug, key })]);
    if (published === undefined) throw new Error('one entry was published and none came back');
    const { entry, replayed } = published;
    const url = services.urls.entry(feed, entry.atomId);
    const text =
      format === 'atom'
        ? entryDocument(entry, feed, services.urls)
        : await writeEntry(format, entry, feed, services.urls);
    send(
      req,
      res,
      201,
      [
        ...['content-type', FORMATS[format].entry ?? '', 'location', url, 'content-location', url],
        ...['etag', quoted(entryTag(base, feed, epochs.current, entry, format), 'identity')],
        ...['vary', VARY, 'cache-control', 'no-store', ...replay(replayed)],
      ],
      text,
    );
  }

  /** A feed document: all of its entries, or none. */
  async function publishAll(
    req: Request,
    res: Response,
    drafts: readonly EntryDraft[],
    { sent, format, now, key }: { sent: Format; format: Format; now: Instant; key: string | undefined },
  ): Promise<void> {
    const { feed } = req.known;
    const entries = drafts.map((draft, index) =>
      newEntry(feed, draft, now, { slug: undefined, key: key === undefined ? undefined : `${key} ${String(index)}` }),
    );
    const published = await publishEntries(services, feed, entries).catch((error: unknown) => {
      throw inPlacesOf(sent, error);
    });
    const stored = published.map((one) => one.entry);
    const replayed = published.every((one) => one.replayed);
    const document = {
      feed,
      updated: stored[stored.length - 1]?.recordedAt ?? now,
      links: [{ rel: 'self', href: services.urls.feed(feed) }],
      archive: false,
    };
    let text = '';
    for await (const piece of writePage(format, document, stored, services.urls)) text += piece;
    send(
      req,
      res,
      201,
      ['content-type', FORMATS[format].page ?? '', 'vary', VARY, 'cache-control', 'no-store', ...replay(replayed)],
      text,
    );
  }

  async function readMember(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    const format = entryFormat(req);
    const entry = await memberOf(services, req);
    const type = FORMATS[format].entry ?? '';
    const page = {
      tag: entryTag(base, feed, epochs.current, entry, format),
      headers: ['content-type', type, 'vary', VARY, ...headersFor(type)],
      body: Buffer.from(await services.turns.pages.run(() => writeEntry(format, entry, feed, services.urls))),
      coded: {},
    };
    await give(req, res, page, revalidate(req));
  }

  async function replaceMember(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    editableOnly(feed);
    const submission = submissionOf(req);
    const format = answerIn(req, submission, 'entry');
    if (submission.kind === 'feed') refuseFeedAsMember();
    if (req.headers['if-match'] === undefined) {
      throw new FeedsError(
        'precondition-required',
        'PUT needs an If-Match with the ETag of the revision that is to be replaced',
      );
    }
    const body = await receiveBody(req, feed.settings.limits.bodyBytes, services.bodies);
    const { kind, drafts } = await submission.read(body, {
      feed,
      ownUrl: services.urls.feed(feed),
      turns: services.turns.bodies,
    });
    const [draft] = drafts;
    if (kind === 'feed' || draft === undefined) refuseFeedAsMember();
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
    const tag = quoted(entryTag(base, feed, epochs.current, stored, format), 'identity');
    const url = services.urls.entry(feed, stored.atomId);
    send(
      req,
      res,
      200,
      [
        ...['etag', tag, 'content-type', FORMATS[format].entry ?? '', 'content-location', url],
        ...['vary', VARY, 'cache-control', 'no-store'],
      ],
      await writeEntry(format, stored, feed, services.urls),
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

/** The refusal of a batch with the places of its entries in what was sent: element names in XML, else a JSON Pointer. */
function inPlacesOf(sent: Format, error: unknown): unknown {
  if (!(error instanceof FeedsError) || error.details.refused === undefined) return error;
  const { refused, ...details } = error.details;
  const violations = refused.map(({ index, message }) => ({ path: placeOf(sent, index), message }));
  return new FeedsError(error.code, error.message, { ...details, violations, cause: error });
}

function placeOf(sent: Format, index: number): string {
  if (sent === 'cloudevents') return `/${String(index)}`;
  return sent === 'atom' ? `feed/entry[${String(index + 1)}]` : `/feed/entry/${String(index)}`;
}

function preconditionOf(req: Request): Precondition {
  const { 'if-match': match, 'if-none-match': noneMatch } = req.headers;
  const { current } = req.known.epochs;
  return (position) => mayChange({ match, noneMatch }, current, position);
}

function replay(replayed: boolean): string[] {
  return replayed ? ['idempotent-replayed', 'true'] : [];
}

function answerIn(req: Request, { format }: Submission, kind: 'entry' | 'feed'): Format {
  return answerFormat(req, kind === 'feed' ? 'page' : 'entry', format);
}

function refuseFeedAsMember(): never {
  throw new FeedsError('unsupported-media-type', `a member is replaced by one entry: ${ATOM_ENTRY}`);
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
    (given.key === undefined ? `urn:uuid:${randomUUID()}` : idOfKey(feed, given.key));
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

/** The same key gives the same id in the same feed. The feed's own id stands there as text: ids in use are made so. */
function idOfKey(feed: Feed, key: string): string {
  return namedUuid(Buffer.from(`${feed.atomId}\0`), key);
}

/** When a stored entry says that it was published: an edit does not change that (RFC 4287 §4.2.9). */
async function publishedOf(entry: Entry): Promise<string | undefined> {
  return (await readEntry(Buffer.from(entry.xml), 'utf-8', { limits: NO_LIMITS })).published;
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
