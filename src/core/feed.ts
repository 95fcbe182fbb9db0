import type { Compatibility, ContractVersion } from './contract.js';
import { FeedsError } from './errors.js';
import type { Quotas } from './quota.js';

export type FeedId = number;

export interface Author {
  readonly name: string;
  readonly uri?: string;
  readonly email?: string;
}

/** What one entry, or one body, may hold. */
export interface Limits {
  readonly bodyBytes: number;
  readonly categories: number;
  /** In characters (code points). */
  readonly categoryLength: number;
  readonly links: number;
}

/** Entries that are published as one batch: a document is answered whole, and all others wait for it. */
export const MOST_ENTRIES_IN_BATCH = 5_000;

export const DEFAULT_LIMITS: Limits = { bodyBytes: 2 * 1024 * 1024, categories: 20, categoryLength: 256, links: 20 };

/** Of what has been taken before: it is not refused now. */
export const NO_LIMITS: Limits = {
  bodyBytes: Infinity,
  categories: Infinity,
  categoryLength: Infinity,
  links: Infinity,
};

export interface FeedSettings {
  readonly title?: string;
  /** Anyone may read it without a token. */
  readonly public: boolean;
  /** PUT and DELETE are allowed on its entries. Fixed at the feed's birth. */
  readonly editable: boolean;
  readonly limits: Limits;
  readonly author?: Author;
  readonly keepDays?: number;
  readonly keepEntries?: number;
  /** JSON payloads are kept as text instead of RFC 4287's Base64. */
  readonly inlineJson: boolean;
  /** What a new version of the feed's contract may change. */
  readonly compatibility: Compatibility;
}

/** Of a feed's settings those that somebody chose: the rest are defaults. */
export type ChosenSettings = Omit<Partial<FeedSettings>, 'limits'> & { readonly limits?: Partial<Limits> };

export interface Feed {
  readonly id: FeedId;
  readonly partition: number;
  readonly workspace: string;
  readonly name: string;
  /** `urn:uuid:…`, new each time that the name is used again. */
  readonly atomId: string;
  readonly settings: FeedSettings;
  /** Grows with each change of the settings; part of every page's ETag. */
  readonly settingsVersion: number;
  /** Positions in an archived page; fixed at the feed's birth. */
  readonly pageSize: number;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The versions of its contract, ascending. */
  readonly contracts: readonly ContractVersion[];
  /** Of its workspace, where there are any. */
  readonly quotas?: Quotas | undefined;
}

export interface Workspace {
  readonly name: string;
  readonly title?: string;
  readonly quotas?: Quotas;
}

/** Path segments below a feed, or below /feeds, that can never name a feed or a tenant. */
const RESERVED = new Set(
  'entries categories archive schemas stream groups subscriptions hub pipes exports stats'.split(' '),
);
const NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/;

/** Refuses a name that could not stand in a URL as it is, or that means something else there. */
export function checkName(kind: 'workspace' | 'feed' | 'export', name: string): void {
  if (!NAME.test(name)) {
    throw new FeedsError(
      'bad-parameter',
      `"${name.slice(0, 140)}" is no name for ${kind === 'export' ? 'an' : 'a'} ${kind}: 1 to 128 of A-Z a-z 0-9 . _ ~ -, the first a letter or a digit`,
    );
  }
  if (RESERVED.has(name.toLowerCase())) {
    throw new FeedsError(
      'bad-parameter',
      `"${name}" is a reserved word and cannot name ${kind === 'export' ? 'an' : 'a'} ${kind}`,
    );
  }
}

/** Can a tenant have this id? It is a segment of URLs below a feed. */
export function isTenantId(text: string): boolean {
  // RFC 3986 §5.2.4: clients take these two out of a URL.
  if (text === '.' || text === '..') return false;
  return /^[^\s_][^\s]{0,255}$/u.test(text) && !RESERVED.has(text.toLowerCase());
}

/** The author of entries that name none, and of the feed document (RFC 4287 §4.1.1, §4.1.2). */
export function feedAuthor(feed: Feed): Author {
  return feed.settings.author ?? { name: feed.workspace };
}

export function feedTitle(feed: Feed): string {
  return feed.settings.title ?? `${feed.workspace}/${feed.name}`;
}
