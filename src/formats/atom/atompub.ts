import { isAuditFeed } from '../../core/audit.js';
import { feedTitle } from '../../core/feed.js';
import type { Feed, Workspace } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import { PUBLISHED_TYPES } from '../media-types.js';
import { escapeAttribute, escapeText } from '../xml/xml.js';

const APP = 'http://www.w3.org/2007/app';
const ATOM = 'http://www.w3.org/2005/Atom';
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** A workspace with those of its feeds that the reader may see. */
export interface ServiceWorkspace {
  readonly workspace: Workspace;
  readonly feeds: readonly Feed[];
}

/** RFC 5023 §8: which feeds there are, what they take, and where their categories are told. */
export function serviceDocument(workspaces: readonly ServiceWorkspace[], urls: Urls): string {
  // RFC 5023 §8.3.1 wants a workspace even where there is nothing to see; it may be empty.
  const shown = workspaces.length === 0 ? [{ workspace: { name: 'Millrace' }, feeds: [] }] : workspaces;
  const parts = shown.map(({ workspace, feeds }) => {
    const collections = feeds.map((feed) => collection(feed, urls)).join('');
    return `  <workspace>\n    ${title(workspace.title ?? workspace.name)}\n${collections}  </workspace>\n`;
  });
  return `${DECLARATION}<service xmlns="${APP}" xmlns:atom="${ATOM}">\n${parts.join('')}</service>\n`;
}

/** RFC 5023 §8.3.3; §8.3.4: an empty app:accept where nothing can be published. */
function collection(feed: Feed, urls: Urls): string {
  return [
    `    <collection href="${escapeAttribute(urls.feed(feed))}">`,
    `      ${title(feedTitle(feed))}`,
    ...(isAuditFeed(feed) ? ['      <accept/>'] : PUBLISHED_TYPES.map((type) => `      <accept>${type}</accept>`)),
    `      <categories href="${escapeAttribute(urls.categories(feed))}"/>`,
    '    </collection>\n',
  ].join('\n');
}

function title(text: string): string {
  return `<atom:title>${escapeText(text)}</atom:title>`;
}

/** RFC 5023 §7: terms that are in use; a publisher may use others too. */
export function categoriesDocument(terms: readonly string[]): string {
  const categories = terms.map((term) => `\n  <atom:category term="${escapeAttribute(term)}"/>`).join('');
  const end = terms.length === 0 ? '' : '\n';
  return `${DECLARATION}<categories xmlns="${APP}" xmlns:atom="${ATOM}" fixed="no">${categories}${end}</categories>\n`;
}
