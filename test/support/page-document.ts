import type { Entry } from '../../src/core/entry.js';
import { DEFAULT_LIMITS } from '../../src/core/feed.js';
import type { Feed, FeedSettings } from '../../src/core/feed.js';
import { urlsFrom } from '../../src/core/urls.js';
import type { FeedDocument } from '../../src/formats/atom/atom-write.js';
import { tombstone } from '../../src/formats/atom/atom-write.js';
import { anEntry, anId } from './build.js';
import type { EntryParts } from './build.js';

export const URLS = urlsFrom('https://feeds.example.org');

/** A page of a feed `shop/orders`, for the writers of representations. */
export function aDocument(parts: Partial<FeedDocument> & { settings?: Partial<FeedSettings> } = {}): FeedDocument {
  const { settings, ...document } = parts;
  const feed: Feed = {
    id: 1,
    partition: 0,
    workspace: 'shop',
    name: 'orders',
    atomId: 'urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6',
    settings: {
      public: true,
      editable: true,
      limits: DEFAULT_LIMITS,
      inlineJson: false,
      compatibility: 'backward',
      ...settings,
    },
    settingsVersion: 1,
    pageSize: 25,
    contracts: [],
    createdAt: '2026-01-01T00:00:00Z',
  };
  return { feed, updated: '2026-01-02T03:04:05.678901Z', links: [], archive: false, ...document };
}

/** An entry as the log holds it; its id, author and times are filled in as the server would. */
export function aStoredEntry(parts: EntryParts = {}): Entry {
  const { id = anId(), title = 'a title', updated = '2026-01-02T03:04:05Z', author = 'somebody' } = parts;
  const xml = anEntry({ ...parts, id, title, updated, author }).replace(/^<\?xml[^>]*>\n/, '');
  return { position: 1n, kind: 'entry', atomId: id, xml, recordedAt: '2026-01-02T03:04:05.678901Z' };
}

export function aTombstone(id: string, when: string): Entry {
  return { position: 2n, kind: 'tombstone', atomId: id, xml: tombstone(id, when), recordedAt: when };
}

/** What a writer gives, in one piece. */
export async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}
