import { STYLE_SOURCE } from '../formats/html/html-frame.js';
import { HTML } from '../formats/media-types.js';
import type { Headers } from './respond.js';

/**
 * A page of ours loads nothing, runs nothing, has one style, sends its form to us, is in nobody's frame
 * (Content Security Policy Level 3 §6) and has no hold of the window that opened it. What every answer says besides is in
 * security-headers.ts.
 */
const HTML_HEADERS: Headers = [
  'content-security-policy',
  `default-src 'none'; style-src ${STYLE_SOURCE}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
  'cross-origin-opener-policy',
  'same-origin',
];

/** What an answer of this Content-Type has to say besides, so that nothing in it can do harm. */
export function headersFor(contentType: string): Headers {
  return contentType.startsWith(HTML) ? HTML_HEADERS : [];
}
