import { decide } from '../core/batch.js';
import type { MemberState, NewEntry } from '../core/batch.js';
import type { Entry, Instant } from '../core/entry.js';
import type { LogState } from '../core/epoch.js';
import type { Feed } from '../core/feed.js';
import { indexTerms } from '../core/search.js';
import { findMembers } from '../store/members.js';
import { readStretch } from '../store/pages.js';
import { refusalOf } from './group-commit.js';
import type { Published } from './publish.js';
import { sizeOf } from './within-quotas.js';
import type { QuotaDeps } from './within-quotas.js';

/**
 * What publishing these entries as one batch would come to, were it done now: nothing is locked, and nothing written.
 * Rejects as publishEntries does with what is wrong with them.
 */
export async function rehearse(
  { db, meter }: QuotaDeps,
  feed: Feed,
  log: LogState,
  entries: readonly NewEntry[],
  now: Instant,
): Promise<Published[]> {
  const keys = entries.map(({ atomKey }) => atomKey);
  const members: ReadonlyMap<string, MemberState> = await findMembers(db, feed, keys);
  const { head, firstKept } = log;
  const state = { atomId: feed.atomId, deleted: false, editable: feed.settings.editable, firstKept, head };
  const operations = entries.map((entry) => ({ kind: 'publish' as const, entry }));
  const request = { feedId: feed.id, feedAtomId: feed.atomId, operations, attempted: false };
  const { decisions } = decide([request], { feeds: new Map([[feed.id, state]]), members }, indexTerms);
  const [decision] = decisions;
  if (decision === undefined) throw new Error('a request without a decision');
  if ('refusals' in decision) throw refusalOf(request, decision.refusals);
  const { results } = decision;
  await rehearseRoom(
    meter,
    feed,
    entries.filter((_, index) => results[index]?.kind === 'created'),
  );
  const published: Published[] = [];
  for (const [index, { atomId, xml, schemaVersion }] of entries.entries()) {
    const result = results[index];
    const position = result?.position ?? head;
    const replayed = result?.kind === 'replayed';
    const [stored] = replayed && position <= head ? await readStretch(db, feed, 'whole', position, position) : [];
    const entry: Entry = { position, kind: 'entry', atomId, xml, recordedAt: now, schemaVersion };
    published.push({ entry: stored ?? entry, replayed });
  }
  return published;
}

/** Would the quotas of the feed's workspace have room for these entries? Rejects when not. */
export async function rehearseRoom(meter: QuotaDeps['meter'], feed: Feed, entries: readonly NewEntry[]): Promise<void> {
  if (feed.quotas === undefined) return;
  const room = await meter.makeRoom(feed, sizeOf(entries));
  room.givenUp();
}
