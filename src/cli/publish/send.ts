import { randomUUID } from 'node:crypto';
import { feedPath } from '../client/feed-name.js';
import type { FeedName } from '../client/feed-name.js';
import { withPatience } from '../client/retry.js';
import { ask, jsonIn } from '../client/server.js';
import type { Server } from '../client/server.js';
import type { Call } from '../command.js';
import { oneLineJson, printable } from '../printable.js';
import type { Document } from './documents.js';

/** Where to publish, and how. */
export interface Target {
  readonly call: Call;
  readonly server: Server;
  readonly feed: FeedName;
  readonly dryRun: boolean;
  /** For how long what may pass is tried again. */
  readonly retrySeconds: number;
}

interface ShownEntry {
  readonly id: string;
  readonly link?: readonly { readonly rel: string; readonly href: string }[];
}

interface Published {
  readonly entry?: ShownEntry;
  readonly feed?: { readonly entry: readonly ShownEntry[] };
}

/**
 * Publishes a document, all that is in it or nothing, and prints each entry. Whatever has to be sent again goes with the same
 * Idempotency-Key, so that it is stored once. @throws Refusal, Unreachable
 */
export async function sendDocument(
  target: Target,
  { type, body }: Document,
  key = randomUUID() as string,
): Promise<void> {
  const { call, server, feed, dryRun, retrySeconds } = target;
  const patience = { seconds: retrySeconds, tell: (reason: string) => call.tell(reason) };
  const headers = { 'content-type': type, 'idempotency-key': key };
  const path = `${feedPath(feed)}${dryRun ? '?dry-run=true' : ''}`;
  const answer = await withPatience(patience, () => ask(server, 'POST', path, { headers, body }));
  const replayed = answer.headers.get('idempotent-replayed') === 'true';
  const outcome = dryRun ? 'valid' : replayed ? 'known' : 'published';
  const lines = entriesIn(jsonIn<Published>(server, answer)).map(({ id, link = [] }) => {
    if (!call.flag('json')) return `${outcome} ${printable(id)}\n`;
    const url = link.find(({ rel }) => rel === 'self')?.href;
    return `${oneLineJson(JSON.stringify({ outcome, id, url }))}\n`;
  });
  await call.print(lines.join(''));
}

/** The entry, or the entries of the batch. */
function entriesIn({ entry, feed }: Published): readonly ShownEntry[] {
  return entry === undefined ? (feed?.entry ?? []) : [entry];
}
