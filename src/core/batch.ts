import type { SchemaVersion } from './contract.js';
import { FeedsError } from './errors.js';
import type { Digest, EntryKind, Position } from './entry.js';
import type { FeedId } from './feed.js';

/**
 * The heart of the log: what becomes of each request of a batch, decided one by one in the order of arrival, each
 * against what is stored and what was accepted before it. Pure: the batch's locks are held while it runs.
 */

/** An entry that is ready to be stored: complete, checked, with an id. */
export interface NewEntry {
  readonly atomId: string;
  readonly atomKey: Digest;
  /** Of what was sent, before the server completed it. */
  readonly digest: Digest;
  readonly xml: string;
  /** Bytes of `xml` in UTF-8. */
  readonly octets: number;
  /** Normalised, for the bounded scan. */
  readonly terms: readonly string[];
  /** What the term index holds for it: its terms and their bare prefixes. */
  readonly indexTerms: readonly string[];
  /** The version of the feed's contract that it was checked against. */
  readonly schemaVersion?: SchemaVersion | undefined;
  /** It was published before, and only that is to be told: it is not to be stored now. */
  readonly replayOnly?: boolean;
}

/** Does the If-Match of a request fit the revision at this position? Asked under the feed's lock. */
export type Precondition = (current: Position) => boolean;

export type Operation =
  | { readonly kind: 'publish'; readonly entry: NewEntry }
  | { readonly kind: 'revise'; readonly entry: NewEntry; readonly precondition: Precondition }
  | {
      readonly kind: 'delete';
      readonly atomId: string;
      readonly atomKey: Digest;
      readonly precondition: Precondition;
      readonly tombstone: string;
      readonly octets: number;
    };

/** What one publisher asked for, done whole or not at all. */
export interface WriteRequest {
  readonly feedId: FeedId;
  /** Which life of the feed's name was meant. */
  readonly feedAtomId: string;
  readonly operations: readonly Operation[];
  /**
   * Set when a commit of this request was sent and its outcome is unknown: what is then found as its own work is not a
   * replay.
   */
  attempted: boolean;
}

/** What is known of a feed under its lock. */
export interface FeedState {
  readonly atomId: string;
  readonly deleted: boolean;
  readonly editable: boolean;
  readonly firstKept: Position;
  readonly head: Position;
}

/** What is known of an id under the feed's lock. */
export interface MemberState {
  readonly position: Position;
  readonly firstPosition: Position;
  readonly firstDigest: Digest;
  readonly deleted: boolean;
  /** Of the current revision; read only for ids that are to be revised or deleted. */
  readonly current?: { readonly terms: readonly string[]; readonly xml: string } | undefined;
}

export interface Looked {
  readonly feeds: ReadonlyMap<FeedId, FeedState>;
  readonly members: ReadonlyMap<string, MemberState>;
}

export type OperationResult =
  /** `earlier`: by an attempt of this same request whose outcome was unknown. */
  | { readonly kind: 'created'; readonly position: Position; readonly earlier?: true }
  | { readonly kind: 'replayed'; readonly position: Position }
  | { readonly kind: 'revised'; readonly position: Position; readonly earlier?: true }
  | { readonly kind: 'deleted'; readonly position: Position };

/** A refusal names which operation of the request it is about. */
export interface Refusal {
  readonly index: number;
  readonly error: FeedsError;
}

export type Decision =
  | { readonly request: WriteRequest; readonly results: readonly OperationResult[] }
  | { readonly request: WriteRequest; readonly refusals: readonly Refusal[] };

export interface EntryRow {
  readonly feedId: FeedId;
  readonly position: Position;
  readonly kind: EntryKind;
  readonly atomId: string;
  readonly atomKey: Digest;
  readonly octets: number;
  readonly terms: readonly string[];
  readonly xml: string;
  readonly schemaVersion: SchemaVersion | undefined;
}

export interface MemberRow {
  readonly feedId: FeedId;
  readonly atomKey: Digest;
  readonly position: Position;
  readonly firstPosition: Position;
  readonly firstDigest: Digest;
  readonly editable: boolean;
  readonly deleted: boolean;
}

export interface TermRow {
  readonly feedId: FeedId;
  readonly term: string;
  readonly position: Position;
}

/** All that a batch writes. */
export interface BatchWrites {
  readonly entries: readonly EntryRow[];
  readonly newMembers: readonly MemberRow[];
  readonly changedMembers: readonly MemberRow[];
  /** Ids whose last life retention has taken, though their row is still there. */
  readonly staleMembers: readonly { readonly feedId: FeedId; readonly atomKey: Digest }[];
  readonly newTerms: readonly TermRow[];
  /** Superseded revisions leave the term index. */
  readonly droppedTerms: readonly TermRow[];
  readonly stretches: readonly { readonly feedId: FeedId; readonly first: Position; readonly last: Position }[];
}

export function memberKey(feedId: FeedId, atomKey: Digest): string {
  return `${String(feedId)}:${atomKey.toString('latin1')}`;
}

/** What a member will be after the batch, while the batch is being decided. */
interface Draft {
  readonly feedId: FeedId;
  readonly atomKey: Digest;
  readonly state: MemberState;
  readonly editable: boolean;
  readonly isNew: boolean;
  readonly indexTerms: readonly string[];
}

/** `indexTerms` makes the index's terms of an entry's normalised ones (core/search.ts). */
export function decide(
  requests: readonly WriteRequest[],
  looked: Looked,
  indexTerms: (terms: readonly string[]) => readonly string[],
): { decisions: Decision[]; writes: BatchWrites } {
  const heads = new Map<FeedId, Position>();
  const members = new Map<string, Draft>();
  const entries: EntryRow[] = [];
  const stale: BatchWrites['staleMembers'][number][] = [];
  const dropped: TermRow[] = [];
  const terms = new Map<string, TermRow[]>();

  const decisions = requests.map((request): Decision => {
    const feed = looked.feeds.get(request.feedId);
    if (feed === undefined || feed.deleted || feed.atomId !== request.feedAtomId) {
      return {
        request,
        refusals: [
          { index: 0, error: new FeedsError('not-found', 'this feed was deleted while the request was waiting') },
        ],
      };
    }
    const outcome = decideRequest(request, feed);
    if (outcome.refusals.length > 0) return { request, refusals: outcome.refusals };
    heads.set(request.feedId, outcome.head);
    for (const [key, member] of outcome.members) {
      const before = members.get(key);
      if (before !== undefined) terms.delete(termsKey(before));
      members.set(key, member);
      terms.set(termsKey(member), termRows(member));
    }
    for (const row of outcome.entries) entries.push(row);
    for (const key of outcome.stale) stale.push(key);
    for (const row of outcome.dropped) dropped.push(row);
    return { request, results: outcome.results };
  });

  /** One request against the state so far; nothing is kept of it when it is refused. */
  function decideRequest(request: WriteRequest, feed: FeedState) {
    const { feedId } = request;
    let head = heads.get(feedId) ?? feed.head;
    const own = new Map<string, Draft>();
    const outcome = {
      entries: [] as EntryRow[],
      members: own,
      stale: [] as { feedId: FeedId; atomKey: Digest }[],
      dropped: [] as TermRow[],
      results: [] as OperationResult[],
      refusals: [] as Refusal[],
    };

    const find = (key: string): { state: MemberState; draft?: Draft } | undefined => {
      const draft = own.get(key) ?? members.get(key);
      if (draft !== undefined) return { state: draft.state, draft };
      const state = looked.members.get(key);
      return state === undefined || state.position < feed.firstKept ? undefined : { state };
    };

    const append = (
      kind: EntryKind,
      entry: Omit<NewEntry, 'digest'>,
      before: { state: MemberState; draft?: Draft } | undefined,
      digest: Digest,
    ) => {
      head += 1n;
      const key = memberKey(feedId, entry.atomKey);
      outcome.entries.push({
        feedId,
        position: head,
        kind,
        atomId: entry.atomId,
        atomKey: entry.atomKey,
        octets: entry.octets,
        terms: entry.terms,
        xml: entry.xml,
        schemaVersion: entry.schemaVersion,
      });
      if (before !== undefined && before.draft === undefined && before.state.current !== undefined) {
        for (const term of indexTerms(before.state.current.terms)) {
          outcome.dropped.push({ feedId, term, position: before.state.position });
        }
      }
      if (before === undefined && looked.members.has(key) && !members.has(key))
        outcome.stale.push({ feedId, atomKey: entry.atomKey });
      own.set(key, {
        feedId,
        atomKey: entry.atomKey,
        state: {
          position: head,
          firstPosition: before?.state.firstPosition ?? head,
          firstDigest: before?.state.firstDigest ?? digest,
          deleted: kind === 'tombstone',
          current: { terms: entry.terms, xml: entry.xml },
        },
        editable: feed.editable,
        isNew: before === undefined || before.draft?.isNew === true,
        indexTerms: entry.indexTerms,
      });
      return head;
    };

    request.operations.forEach((operation, index) => {
      const refuse = (error: FeedsError): void => {
        outcome.refusals.push({ index, error });
      };
      const atomKey = operation.kind === 'delete' ? operation.atomKey : operation.entry.atomKey;
      const atomId = operation.kind === 'delete' ? operation.atomId : operation.entry.atomId;
      const found = find(memberKey(feedId, atomKey));

      switch (operation.kind) {
        case 'publish': {
          if (found === undefined && operation.entry.replayOnly === true) {
            refuse(new FeedsError('gone', `retention has taken the entry ${atomId} just now`));
            return;
          }
          if (found === undefined) {
            outcome.results.push({
              kind: 'created',
              position: append('entry', operation.entry, undefined, operation.entry.digest),
            });
            return;
          }
          const same = found.state.firstDigest.equals(operation.entry.digest);
          if (!same) {
            refuse(
              new FeedsError('id-conflict', `an entry with the id ${atomId} and other content is in this feed already`),
            );
          } else if (found.state.deleted) {
            refuse(new FeedsError('gone', `the entry ${atomId} was published here and deleted since`));
          } else if (
            request.attempted &&
            found.draft === undefined &&
            found.state.position === found.state.firstPosition
          ) {
            outcome.results.push({ kind: 'created', position: found.state.firstPosition, earlier: true });
          } else {
            outcome.results.push({
              kind: 'replayed',
              position: found.state.firstPosition,
            });
          }
          return;
        }
        case 'revise': {
          if (found === undefined) {
            refuse(new FeedsError('not-found', `no entry of this feed has the id ${atomId}`));
          } else if (found.state.deleted) {
            refuse(new FeedsError('gone', `the entry ${atomId} was deleted`));
          } else if (request.attempted && found.state.current?.xml === operation.entry.xml) {
            outcome.results.push({ kind: 'revised', position: found.state.position, earlier: true });
          } else if (!operation.precondition(found.state.position)) {
            refuse(changed(atomId));
          } else {
            outcome.results.push({
              kind: 'revised',
              position: append('revision', operation.entry, found, found.state.firstDigest),
            });
          }
          return;
        }
        case 'delete': {
          if (found === undefined) {
            refuse(new FeedsError('not-found', `no entry of this feed has the id ${atomId}`));
          } else if (found.state.deleted) {
            if (request.attempted) outcome.results.push({ kind: 'deleted', position: found.state.position });
            else refuse(new FeedsError('gone', `the entry ${atomId} was deleted before`));
          } else if (!operation.precondition(found.state.position)) {
            refuse(changed(atomId));
          } else {
            // A tombstone matches the searches and tenants that the entry it replaces did.
            const old = found.state.current?.terms ?? [];
            const tombstone = {
              atomId,
              atomKey,
              xml: operation.tombstone,
              octets: operation.octets,
              terms: old,
              indexTerms: indexTerms(old),
            };
            outcome.results.push({
              kind: 'deleted',
              position: append('tombstone', tombstone, found, found.state.firstDigest),
            });
          }
          return;
        }
      }
    });
    return { ...outcome, head };
  }

  const newMembers: MemberRow[] = [];
  const changedMembers: MemberRow[] = [];
  for (const { feedId, atomKey, state, editable, isNew } of members.values()) {
    const row = {
      feedId,
      atomKey,
      position: state.position,
      firstPosition: state.firstPosition,
      firstDigest: state.firstDigest,
      editable,
      deleted: state.deleted,
    };
    (isNew ? newMembers : changedMembers).push(row);
  }
  const stretches = [...heads].flatMap(([feedId, head]) => {
    const before = looked.feeds.get(feedId)?.head ?? 0n;
    return head > before ? [{ feedId, first: before + 1n, last: head }] : [];
  });
  return {
    decisions,
    writes: {
      entries,
      newMembers,
      changedMembers,
      staleMembers: stale,
      newTerms: [...terms.values()].flat(),
      droppedTerms: dropped,
      stretches,
    },
  };
}

function changed(atomId: string): FeedsError {
  return new FeedsError(
    'precondition-failed',
    `the entry ${atomId} has changed: If-Match names another revision than the current one`,
  );
}

function termsKey(member: Draft): string {
  return `${String(member.feedId)}:${String(member.state.position)}`;
}

function termRows(member: Draft): TermRow[] {
  return member.indexTerms.map((term) => ({ feedId: member.feedId, term, position: member.state.position }));
}
