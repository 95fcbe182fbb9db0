import { feedTitle } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import type { ServiceWorkspace } from '../atom/atompub.js';
import { framed } from './html-frame.js';
import { foreignText, html } from './html.js';
import type { Html } from './html.js';

/** The service document (RFC 5023 §8) for a person: workspaces and their feeds. */
export function serviceHtml(workspaces: readonly ServiceWorkspace[], urls: Urls): string {
  return documentHtml('Feeds', undefined, workspaces, urls);
}

/** That of one workspace, the only one given. */
export function workspaceHtml(workspaces: readonly ServiceWorkspace[], urls: Urls): string {
  const words = workspaces.map(({ workspace: { name, title = name } }) => title).join(', ');
  const content = html`<h1>${foreignText(words)}</h1>
    ${workspaces.map((shown) => feedsMarkup(shown, urls))}`;
  return framed({ title: words, trail: [{ href: urls.service(), text: 'Feeds' }] }, content);
}

/** What a person gets who opens the server in a browser. */
export function welcomeHtml(workspaces: readonly ServiceWorkspace[], urls: Urls): string {
  const intro = html`<p>This is a server of event feeds: Atom, and more, over HTTP.</p>`;
  return documentHtml('Millrace', intro, workspaces, urls);
}

function documentHtml(
  title: string,
  intro: Html | undefined,
  workspaces: readonly ServiceWorkspace[],
  urls: Urls,
): string {
  const sections = workspaces.map((shown) => {
    const { name, title: words = name } = shown.workspace;
    return html`<section>
      <h2><a href="${urls.workspace(name)}">${foreignText(words)}</a></h2>
      ${feedsMarkup(shown, urls)}
    </section> `;
  });
  const none = html`<p class="notice">There is no feed that can be seen without a token, or none at all.</p>`;
  const content = html`<h1>${title}</h1>
    ${intro} ${sections.length === 0 ? none : sections}`;
  return framed({ title, trail: [] }, content);
}

function feedsMarkup({ feeds }: ServiceWorkspace, urls: Urls): Html {
  if (feeds.length === 0) return html`<p>No feeds yet.</p>`;
  const items = feeds.map(
    (feed) =>
      html`<li>
        <a href="${urls.feed(feed)}">${foreignText(feedTitle(feed))}</a>
        <span class="meta">${feed.workspace}/${feed.name}</span>
      </li> `,
  );
  return html`<ul>
    ${items}
  </ul>`;
}
