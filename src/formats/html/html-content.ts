import { ATOM_NAMESPACE } from '../atom/atom-rules.js';
import type { EntryView } from '../atom/entry-view.js';
import { foreignLink, foreignText, html } from './html.js';
import type { Html } from './html.js';
import { indentJson } from '../json/indent-json.js';
import { cutText } from '../text.js';
import { indentXml } from '../xml/indent-xml.js';
import type { Shown } from '../xml/indent-xml.js';

/** Characters of one content that are shown. */
export const SHOWN_CHARACTERS = 20_000;
/** Longer ones wait behind their first line until somebody opens them. */
const OPEN_LINES = 40;

/** Characters of content that a page still has room for. */
export interface Room {
  left: number;
}

/**
 * The content of an entry for a person to read: never rendered, always shown as it was written, XML and JSON indented.
 * `source` is what the view was made of; `whole` is where the entry is to be had with nothing left out.
 */
export function contentMarkup(source: string, view: EntryView, whole: string, room: Room): Html | undefined {
  const { content } = view;
  switch (content?.kind) {
    case undefined:
      return undefined;
    case 'outside': {
      const type = content.type === undefined ? undefined : html` (${foreignText(content.type)})`;
      const link = foreignLink(content.src, foreignText(content.src));
      return html`<p>The content is elsewhere: ${link}${type}</p> `;
    }
    case 'binary': {
      const bytes = new Intl.NumberFormat('en').format(content.bytes.length);
      return html`<p>${foreignText(content.type)}, ${bytes} bytes: in <a href="${whole}">the entry as Atom</a></p> `;
    }
    case 'text':
      return block(content.type, plain(content.text), 'auto', whole, room);
    case 'markup':
      return block('HTML', plain(content.html), 'ltr', whole, room);
    case 'json':
      return block(content.type, indentJson(content.json, SHOWN_CHARACTERS), 'ltr', whole, room);
    case 'xml':
      return block(content.type, indentedContent(source, view), 'ltr', whole, room);
  }
}

function plain(text: string): Shown {
  return { text: cutText(text, SHOWN_CHARACTERS), cut: text.length > SHOWN_CHARACTERS };
}

function indentedContent(source: string, { tree }: EntryView): Shown {
  const content = tree.elements.find(({ uri, local }) => uri === ATOM_NAMESPACE && local === 'content');
  const [root] = content === undefined ? [] : content.elements;
  return root === undefined ? { text: '', cut: false } : indentXml(source, root, SHOWN_CHARACTERS);
}

/** Text with its lines, if there is any. On a page whose room is used up only its kind is told. */
export function block(type: string, shown: Shown, dir: 'ltr' | 'auto', whole: string, room: Room): Html | undefined {
  if (shown.text === '') return undefined;
  const wholeLink = html`<a href="${whole}">the whole entry as Atom</a>`;
  if (room.left < shown.text.length) {
    return html`<p class="hint">${foreignText(type)}: left out, for this page is long already; see ${wholeLink}.</p> `;
  }
  room.left -= shown.text.length;
  // A line feed that stands right behind the tag would be dropped (HTML §13.2.6.4.7).
  const text = html`<pre dir="${dir}">${`\n${shown.text}`}</pre> `;
  const rest = shown.cut
    ? html`<p class="hint">This is the beginning only: ${wholeLink} has the rest.</p> `
    : undefined;
  const lines = countLines(shown.text);
  if (lines <= OPEN_LINES) return html`${text}${rest}`;
  return html`<details>
    <summary>${foreignText(type)}, ${lines} lines${shown.cut ? ' and more' : ''}</summary>
    ${text}${rest}
  </details> `;
}

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
