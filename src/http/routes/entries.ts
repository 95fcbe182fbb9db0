import type { Request, Response, Router } from 'express';
import { findRetries } from '../../actions/find-retries.js';
import { publishEntries } from '../../actions/publish.js';
import type { Published } from '../../actions/publish.js';
import { rehearse, rehearseRoom } from '../../actions/rehearse.js';
import { deleteEntry, reviseEntry } from '../../actions/revise-entry.js';
import type { NewEntry, Precondition } from '../../core/batch.js';
import { atomKey } from '../../core/entry.js';
import type { Entry, Instant } from '../../core/entry.js';
import { decide } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import type { Feed } from '../../core/feed.js';
import { tenantUrls } from '../../core/urls.js';
import { WHOLE } from '../../core/view.js';
import type { View } from '../../core/view.js';
import { entryDocument, tombstone } from '../../formats/atom/atom-write.js';
import { STYLE_SOURCE } from '../../formats/html/html-frame.js';
import { ATOM_ENTRY, FORMATS } from '../../formats/media-types.js';
import type { Format } from '../../formats/media-types.js';
import { writeEntry, writePage } from '../../formats/render.js';
import { findMember } from '../../store/members.js';
import { receiveBody } from '../body.js';
import { checkContract, isCheckNeeded, refusalOf } from '../contract-check.js';
import type { Fault } from '../contract-check.js';
import type { QuickWays } from '../front.js';
import { give, revalidate } from '../give.js';
import { headersFor } from '../html-headers.js';
import { isStillSo, may } from '../middleware/may.js';
import type { Accepted, PreparedEntry } from '../new-entry.js';
import { idempotencyKey, newEntry, prepareEntry, publishedOf, sentEntry, slugOf } from '../new-entry.js';
import { inTenantsView } from '../page-reading.js';
import { isDryRun } from '../parameters.js';
import { withoutPrivate } from '../private-values.js';
import { answerFormat, entryFormat } from '../representation.js';
import { VARY, send } from '../respond.js';
import type { Services } from '../services.js';
import { submissionOf } from '../submission.js';
import type { Submission } from '../submission.js';
import { baseTag, bodyTag, entryTag, inViewOf, mayChange, quoted } from '../tags.js';
import { inTurn } from '../turns.js';

/**
 * `POST /feeds/{workspace}/{feed}` publishes (RFC 5023 §9.2); `GET, PUT, DELETE …/entries/{id}` are a member
 * (RFC 5023 §9.1, §9.3, §9.4), PUT and DELETE on editable feeds only.
 */
export function addEntryRoutes(
  router: Router,
  services: Services,
): Pick<QuickWays, 'publish'> & { readMember: (req: Request, res: Response) => Promise<void> } {
  const base = baseTag(services.urls.base, STYLE_SOURCE);
  const collection = '/feeds/:workspace/:feed';
  const member = '/feeds/:workspace/:feed/entries/*id';
  router.post(collection, may('publish', services), publish);
  router.get(member, may('read', services), readMember);
  router.put(member, may('publish', services), replaceMember);
  router.delete(member, may('publish', services), deleteMember);
  return { publish, readMember };

  async function publish(req: Request, res: Response): Promise<void> {
    const { feed } = req.known;
    const submission = submissionOf(req);
    const dryRun = isDryRun(req.url);
    // What cannot be answered is not published.
    const early = submission.kind === undefined ? undefined : answerIn(req, submission, submission.kind);
    const key = idempotencyKey(req);
    const body = await receiveBody(req, feed.settings.limits.bodyBytes, services.bodies);
    const now = new Date().toISOString();
    const slug = slugOf(req);
    const read = submission.read(body, { feed, ownUrl: services.urls.feed(feed), turns: services.turns.bodies });
    const { kind, drafts } = read instanceof Promise ? await read : read;
    services.rates.admitEntries(req, drafts.length);
    const format = early ?? answerIn(req, submission, kind);
    const keyOf = (index: number): string | undefined =>
      kind === 'entry' || key === undefined ? key : `${key} ${String(index)}`;
    const prepared = drafts.map((draft, index) =>
      prepareEntry(feed, draft, now, { slug: kind === 'entry' ? slug : undefined, key: keyOf(index) }),
    );
    const entries = await contracted(req, submission, body, prepared);
    const written = dryRun
      ? await rehearse(services, feed, req.known, entries, now)
      : await publishEntries(services, feed, entries).catch((error: unknown) => {
          throw kind === 'feed' ? inPlacesOf(submission.format, error) : error;
        });
    if (kind === 'feed') await answerAll(req, res, written, { format, now, dryRun });
    else await answerOne(req, res, written[0], { format, dryRun });
  }

  /** The entries as they are to be stored, once the contract of the feed has let them in. */
  async function contracted(
    req: Request,
    submission: Submission,
    body: Buffer,
    prepared: readonly PreparedEntry[],
  ): Promise<NewEntry[]> {
    const { feed } = req.known;
    if (!isCheckNeeded(feed, prepared)) return prepared.map((entry) => newEntry(entry));
    const checked = await checkContract(services, feed, prepared);
    if ('accepted' in checked) return prepared.map((entry, index) => newEntry(entry, checked.accepted[index]));
    // What was published before a version came that refuses it is answered as it was then.
    const retries = await findRetries(services.db, feed, prepared.map(sentEntry));
    const fresh = prepared.flatMap((entry, index) => (retries.has(index) ? [] : [{ entry, index }]));
    const entries = fresh.map(({ entry }) => entry);
    const again = retries.size === 0 ? checked : await checkContract(services, feed, entries);
    if ('faults' in again) {
      const faults = again.faults.map((fault) => ({ ...fault, index: fresh[fault.index]?.index ?? fault.index }));
      throw await contractRefusal(submission, body, faults);
    }
    const accepted = new Map(fresh.map(({ index }, n) => [index, again.accepted[n]]));
    return prepared.map((entry, index) => ({
      ...newEntry(entry, accepted.get(index)),
      replayOnly: retries.has(index),
    }));
  }

  /** To find places takes trees of what was sent. */
  function contractRefusal(submission: Submission, body: Buffer, faults: readonly Fault[]): Promise<FeedsError> {
    return inTurn(body.length, services.turns.bodies, async () => refusalOf(faults, await submission.teller(body)));
  }

  async function answerOne(
    req: Request,
    res: Response,
    published: Published | undefined,
    { format, dryRun }: { format: Format; dryRun: boolean },
  ): Promise<void> {
    const { feed, epochs } = req.known;
    if (published === undefined) throw new Error('one entry was published and none came back');
    const { entry, replayed } = published;
    const url = services.urls.entry(feed, entry.atomId);
    const text =
      format === 'atom'
        ? entryDocument(entry, feed, services.urls)
        : await writeEntry(format, entry, feed, services.urls);
    const headers = ['content-type', FORMATS[format].entry ?? '', 'vary', VARY, 'cache-control', 'no-store'];
    headers.push(...replay(replayed));
    if (!dryRun) {
      const tag = quoted(entryTag(base, feed, epochs.current, entry, format), 'identity');
      headers.push('location', url, 'content-location', url, 'etag', tag);
    }
    send(req, res, dryRun ? 200 : 201, headers, text);
  }

  /** A feed document: all of its entries, or none. */
  async function answerAll(
    req: Request,
    res: Response,
    published: readonly Published[],
    { format, now, dryRun }: { format: Format; now: Instant; dryRun: boolean },
  ): Promise<void> {
    const { feed } = req.known;
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
      dryRun ? 200 : 201,
      ['content-type', FORMATS[format].page ?? '', 'vary', VARY, 'cache-control', 'no-store', ...replay(replayed)],
      text,
    );
  }

  async function readMember(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    const { view, tenant } = req;
    const format = entryFormat(req);
    const urls = tenant === undefined ? services.urls : tenantUrls(services.urls, tenant);
    const found = await memberOf(services, req, view);
    const seen = view.kind === 'tenants' ? inTenantsView(services, feed, found) : found;
    const [entry] = await withoutPrivate(services, feed, view, [seen]);
    if (entry === undefined) throw new Error('an entry was read and is not there');
    const type = FORMATS[format].entry ?? '';
    const text = await services.turns.pages.run(async (waited) =>
      waited && !(await isStillSo(req)) ? undefined : writeEntry(format, entry, feed, urls),
    );
    if (text === undefined) return readMember(req, res);
    const body = Buffer.from(text);
    // Who publishes here is told of positions anyway, and changes entries by them.
    const namesNoPlace =
      view.kind === 'tenants' &&
      decide(req.principal, 'publish', { workspace: feed.workspace, feed: feed.name }) !== 'allowed';
    const page = {
      tag: namesNoPlace ? bodyTag(body) : entryTag(base, feed, epochs.current, entry, inViewOf(view, format)),
      headers: ['content-type', type, 'vary', VARY, ...headersFor(type)],
      body,
      coded: {},
    };
    await give(req, res, page, revalidate(req));
  }

  async function replaceMember(req: Request, res: Response): Promise<void> {
    const { feed, epochs } = req.known;
    editableOnly(feed);
    const submission = submissionOf(req);
    const dryRun = isDryRun(req.url);
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
    const current = await memberOf(services, req, WHOLE);
    if (draft.atomId !== undefined && draft.atomId !== current.atomId) {
      throw new FeedsError(
        'conflict',
        `the entry's atom:id is ${draft.atomId}, but the member at this URL has the id ${current.atomId}`,
      );
    }
    const prepared = prepareEntry(feed, draft, new Date().toISOString(), {
      slug: undefined,
      key: undefined,
      revised: current,
      published: draft.has.published ? undefined : await publishedOf(current),
    });
    let accepted: Accepted | undefined;
    if (isCheckNeeded(feed, [prepared])) {
      const checked = await checkContract(services, feed, [prepared]);
      if ('faults' in checked) throw await contractRefusal(submission, body, checked.faults);
      [accepted] = checked.accepted;
    }
    const entry = newEntry(prepared, accepted);
    const precondition = preconditionOf(req);
    if (dryRun) await rehearseRoom(services.meter, feed, [entry]);
    const stored = dryRun
      ? wouldRevise(current, entry, precondition)
      : await reviseEntry(services, feed, entry, precondition);
    const headers = ['content-type', FORMATS[format].entry ?? '', 'vary', VARY, 'cache-control', 'no-store'];
    // RFC 9110 §8.7, §8.8.3: both would be of what is there, which is another revision than that in the body.
    if (!dryRun) {
      const tag = quoted(entryTag(base, feed, epochs.current, stored, format), 'identity');
      headers.push('etag', tag, 'content-location', services.urls.entry(feed, stored.atomId));
    }
    send(req, res, 200, headers, await writeEntry(format, stored, feed, services.urls));
  }

  async function deleteMember(req: Request, res: Response): Promise<void> {
    const { feed } = req.known;
    editableOnly(feed);
    if (isDryRun(req.url)) throw new FeedsError('bad-parameter', 'dry-run is for what is sent: POST and PUT');
    const current = await memberOf(services, req, WHOLE);
    const stone = tombstone(current.atomId, new Date().toISOString());
    await deleteEntry(services, feed, current.atomId, stone, preconditionOf(req));
    send(req, res, 204, ['vary', VARY], '');
  }
}

/** What a PUT would come to, were it done now. */
function wouldRevise(current: Entry, { atomId, xml, schemaVersion }: NewEntry, precondition: Precondition): Entry {
  if (!precondition(current.position)) {
    throw new FeedsError('precondition-failed', `the entry ${atomId} has changed: If-Match names another revision`);
  }
  return { ...current, kind: 'revision', xml, schemaVersion };
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

/** The member that the URL names, by the rest of its path: decoded once, then as it stands. */
async function memberOf(services: Services, req: Request, view: View): Promise<Entry> {
  const { feed } = req.known;
  const path = req.url.split('?', 1)[0] ?? '';
  const raw = path
    .split('/')
    .slice(req.tenant === undefined ? 5 : 6)
    .join('/');
  let decoded = raw;
  try {
    decoded = decodeURIComponent(raw);
  } catch {
    // as it stands
  }
  for (const atomId of new Set([decoded, raw])) {
    const found = await findMember(services.db, feed, atomKey(atomId), view);
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
