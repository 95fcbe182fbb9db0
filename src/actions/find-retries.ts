import { memberKey } from '../core/batch.js';
import type { Digest } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { Db } from '../store/db.js';
import { findMembers } from '../store/members.js';

/** What is to be known of an entry to see whether it was published before. */
export interface SentEntry {
  readonly atomKey: Digest;
  readonly digest: Digest;
}

/** Which of these were published before with this very content, counted from 0: to send them again is a retry. */
export async function findRetries(db: Db, feed: Feed, sent: readonly SentEntry[]): Promise<ReadonlySet<number>> {
  const keys = sent.map(({ atomKey }) => atomKey);
  const members = await findMembers(db, feed, keys);
  const retries = sent.flatMap(({ atomKey, digest }, index) =>
    members.get(memberKey(feed.id, atomKey))?.firstDigest.equals(digest) === true ? [index] : [],
  );
  return new Set(retries);
}
