import { isRfc3339 } from '../dates.js';
import { shorten } from '../text.js';
import { Html, foreignText, html, styleElement } from './html.js';

const STYLE = `
:root{color-scheme:light dark;--text:#1c2024;--soft:#5b6470;--page:#fdfdfc;--box:#f3f4f2;--line:#d5d8d4;--link:#0b57b0;--mark:#9a3412}
@media(prefers-color-scheme:dark){:root{--text:#e4e6e3;--soft:#a0a8b0;--page:#16191c;--box:#20252a;--line:#3a4148;--link:#8ab8f5;--mark:#fdba74}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:56rem;padding:1rem;background:var(--page);color:var(--text);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}
h1{margin:.5rem 0;font-size:1.6rem;line-height:1.25}
h2{margin:0;font-size:1.15rem;line-height:1.3}
h3{margin:1rem 0 .25rem;font-size:1rem}
bdi{display:inline-block;max-width:100%;vertical-align:top}
p,ul{margin:.5rem 0}
ul{padding-left:1.25rem}
pre{margin:.5rem 0;padding:.75rem;overflow-x:auto;background:var(--box);border:1px solid var(--line);border-radius:.4rem;font:.85rem/1.45 ui-monospace,monospace;white-space:pre-wrap;tab-size:2;unicode-bidi:isolate}
code{font:.9em ui-monospace,monospace}
article{margin:1rem 0;padding:1rem 0;border-top:1px solid var(--line)}
summary{cursor:pointer;color:var(--link)}
form{margin:1rem 0}
label{display:block;font-weight:600}
input[type=search]{width:min(100%,28rem);padding:.45rem;font:inherit;color:inherit;background:var(--box);border:1px solid var(--soft);border-radius:.4rem}
button{padding:.45rem .9rem;font:inherit}
nav ul,ul.row{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;list-style:none}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1rem;margin:.5rem 0}
dt{color:var(--soft)}
dd{margin:0}
.meta,.hint,footer{color:var(--soft);font-size:.9rem}
.text{white-space:pre-wrap;unicode-bidi:plaintext}
.notice{padding:.5rem .75rem;border-left:.25rem solid var(--mark);background:var(--box)}
.deleted h2{color:var(--soft)}
footer{margin-top:2rem;border-top:1px solid var(--line)}
`;
const style = styleElement(STYLE);

/** For the Content-Security-Policy: the only style that our pages have. */
export const STYLE_SOURCE = style.source;

export interface Frame {
  /** Plain text; of the document and of the browser's tab. */
  readonly title: string;
  /** From the whole to the part: where the page stands. */
  readonly trail: readonly { readonly href: string; readonly text: string }[];
  /** The same as something else, for feed readers. */
  readonly alternates?: readonly { readonly href: string; readonly type: string }[];
  /** What stands below the page's own content. */
  readonly footer?: Html | undefined;
}

const LONGEST_TITLE = 120;
/** In the tab's title nothing can isolate what changes the direction of text (UAX #9 §2). */
const BIDI_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Where the page's own content goes; no value in a template can hold it. */
const MIDDLE = Html.ours('\0');

/** A whole document. */
export function framed(frame: Frame, content: Html): string {
  const { head, tail } = frameAround(frame);
  return head + content.markup + tail;
}

/** What stands before the page's own content and behind it. */
export function frameAround({ title, trail, alternates = [], footer }: Frame): { head: string; tail: string } {
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${shorten(title.replaceAll(BIDI_CONTROLS, ''), LONGEST_TITLE)}</title>
        ${alternates.map(({ href, type }) => html`<link rel="alternate" type="${type}" href="${href}" /> `)}
        ${style.element}
      </head>
      <body>
        ${trail.length === 0 ? undefined : trailMarkup(trail)}
        <main>${MIDDLE}</main>
        ${footer === undefined ? undefined : html`<footer>${footer}</footer>`}
      </body>
    </html> `;
  const [head = '', tail = ''] = document.markup.split(MIDDLE.markup);
  return { head, tail };
}

function trailMarkup(trail: Frame['trail']): Html {
  const steps = trail.map(({ href, text }) => html`<li><a href="${href}">${foreignText(text)}</a></li> `);
  return html`<nav aria-label="Where this is">
    <ul>
      ${steps}
    </ul>
  </nav>`;
}

/** A time as RFC 3339 has it, for a person; the offset stays as it was written. */
export function timeElement(text: string): Html {
  if (!isRfc3339(text)) return html`<bdi>${shorten(text, 64)}</bdi>`;
  const shown = text
    .replace('T', ' ')
    .replace(/\.\d+/, '')
    .replace('Z', ' UTC')
    .replace(/(\d)([+-]\d\d:\d\d)$/, '$1 $2');
  return html`<time datetime="${text}">${shown}</time>`;
}
