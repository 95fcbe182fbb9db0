import type { Entry } from '../../core/entry.js';
import type { Feed } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import type { FeedDocument } from '../atom/atom-write.js';
import { eventJson } from './cloud-event.js';
import { plainEvent } from './cloud-event-plain.js';
import { restoredEvent } from './cloud-event-restore.js';
import { breather } from '../slices.js';

/** An entry in the JSON event format: the event that it came as, else one that is made of it. */
export async function writeCloudEvent(entry: Entry, feed: Feed, urls: Urls): Promise<string> {
  return `${await eventText(entry, feed, urls)}\n`;
}

/** A page in the JSON batch format, tombstones included. Its links are in the Link header only. */
export async function* writeCloudEventBatch(
  { feed }: FeedDocument,
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  urls: Urls,
): AsyncGenerator<string> {
  const breathe = breather();
  let before = '[';
  for await (const entry of entries) {
    yield `${before}\n${await eventText(entry, feed, urls)}`;
    before = ',';
    await breathe();
  }
  yield before === '[' ? '[]\n' : '\n]\n';
}

async function eventText(entry: Entry, feed: Feed, urls: Urls): Promise<string> {
  const sent = entry.kind === 'tombstone' ? undefined : await restoredEvent(entry);
  return eventJson(sent ?? (await plainEvent(entry, feed, urls)));
}
