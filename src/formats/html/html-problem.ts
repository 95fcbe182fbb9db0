import type { Violation } from '../../core/errors.js';
import { framed } from './html-frame.js';
import { foreignText, html } from './html.js';
import type { Html } from './html.js';
import type { Problem } from '../problem.js';

/** Of each list so many are shown; the other forms of a problem have them all. */
const MOST_ITEMS = 100;
/** More than any message has, save those that quote all that can be had. */
const DETAIL_CHARACTERS = 8_000;

/** A problem for a person with a browser. */
export function problemHtml(problem: Problem, home: string): string {
  const { type, title, status, detail, instance, errors = [], ...extensions } = problem;
  const content = html`<h1>${title}</h1>
    <p class="text" dir="auto">${foreignText(detail, DETAIL_CHARACTERS)}</p>
    ${status === 401 ? NEEDS_TOKEN : undefined} ${errors.length === 0 ? undefined : errorsMarkup(errors)}
    <h2>Details</h2>
    <dl>
      <dt>Status</dt>
      <dd>${status}</dd>
      <dt>Kind</dt>
      <dd><code>${type}</code></dd>
      <dt>Request</dt>
      <dd><code>${instance}</code></dd>
      ${Object.entries(extensions).map(([name, value]) => extensionMarkup(name, value))}
    </dl>`;
  return framed({ title: `${String(status)} ${title}`, trail: [{ href: home, text: 'Feeds' }] }, content);
}

const NEEDS_TOKEN = html`<p class="notice">
  The token goes into a header, <code>Authorization: Bearer …</code>, which a browser does not send by itself. Ask with
  another program: <code>curl -H "Authorization: Bearer $TOKEN" URL</code>. Feeds that are public need no token.
</p>`;

function errorsMarkup(errors: readonly Violation[]): Html {
  const items = errors
    .slice(0, MOST_ITEMS)
    .map(
      ({ path, message, line, column }) =>
        html`<li>
          ${path === '' ? undefined : html`<code>${foreignText(path)}</code>: `}${foreignText(message, 1_000)}
          ${line === undefined ? undefined : html`(line ${line}${column === undefined ? undefined : html`, column ${column}`})`}
        </li> `,
    );
  const left = errors.length - MOST_ITEMS;
  return html`<h2>What is wrong, and where</h2>
    <ol>
      ${items}
    </ol>
    ${left > 0 ? html`<p class="hint">And ${left} more.</p>` : undefined}`;
}

function extensionMarkup(name: string, value: unknown): Html {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const shown = values.slice(0, MOST_ITEMS).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return html`<dt>${name}</dt>
    <dd>${foreignText(shown.join(', '), DETAIL_CHARACTERS)}</dd> `;
}
