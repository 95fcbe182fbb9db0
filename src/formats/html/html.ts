import { createHash } from 'node:crypto';
import { shorten } from '../text.js';

/** Markup that is safe to send: made by `html` only. */
export class Html {
  readonly markup: string;

  private constructor(markup: string) {
    this.markup = markup;
  }

  /** Only for what stands in our own code. */
  static ours(markup: string): Html {
    return new Html(markup);
  }
}

/** What may stand in a template; undefined is nothing, a list is its parts side by side. */
export type HtmlPart = string | number | Html | undefined | readonly HtmlPart[];

/**
 * A template whose values are escaped unless they were made by `html` themselves. A value may stand between tags, or in an
 * attribute's value that is written in double quotes; nowhere else.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlPart[]): Html {
  let markup = strings[0] ?? '';
  values.forEach((value, index) => {
    markup += partMarkup(value) + (strings[index + 1] ?? '');
  });
  return Html.ours(markup);
}

function partMarkup(part: HtmlPart): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.markup;
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return part.map(partMarkup).join('');
}

const SPECIAL = /[&<>"'\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\x7f': '\u2421',
};

/** Control characters, which HTML cannot carry, become the pictures of themselves (U+2400 and on). */
function escapeHtml(text: string): string {
  return text.replace(SPECIAL, (found) => ENTITIES[found] ?? String.fromCharCode(0x2400 + found.charCodeAt(0)));
}

/** A style element, and the source expression that lets a Content-Security-Policy have it (CSP Level 3 §2.3.1). */
export function styleElement(css: string): { element: Html; source: string } {
  if (css.includes('<')) throw new Error('a style with a "<" could end its own element');
  const hash = createHash('sha256').update(css).digest('base64');
  return { element: Html.ours(`<style>${css}</style>`), source: `'sha256-${hash}'` };
}

const LINKED_PROTOCOLS = ['http:', 'https:', 'mailto:'];
const LONGEST_HREF = 2_048;

/** Where a reference that an entry brings may lead to a reader who clicks it: the web and mail. Undefined: nowhere. */
export function safeHref(reference: string): string | undefined {
  if (reference.length > LONGEST_HREF || !URL.canParse(reference)) return undefined;
  const { protocol, href } = new URL(reference);
  return LINKED_PROTOCOLS.includes(protocol) ? href : undefined;
}

/** A link that an entry brings, or where it may lead nowhere its text alone. */
export function foreignLink(reference: string, text: Html): Html {
  const href = safeHref(reference);
  return href === undefined ? text : html`<a href="${href}" rel="noopener noreferrer nofollow">${text}</a>`;
}

/**
 * A text of somebody else's in a line of ours: its direction is its own, and what it says of direction ends with it
 * (UAX #9 §6.3; the style sheet makes it a box of its own, which no stray U+2069 opens).
 */
export function foreignText(text: string, most = 300): Html {
  return html`<bdi>${shorten(text, most)}</bdi>`;
}
