import { cutText } from '../text.js';
import type { Shown } from '../xml/indent-xml.js';

const OPENERS = '{[';
const CLOSERS = '}]';
const SPACE = ' \t\r\n';

/**
 * A JSON text with each member and item on a line of its own. Tokens stay as they are written, so that every number keeps
 * its text. The text has to be known to be JSON. At most `most` characters, and no more work than those take.
 */
export function indentJson(json: string, most: number): Shown {
  let text = '';
  let indent = '\n';
  let at = 0;
  while (at < json.length && text.length <= most) {
    const character = json.charAt(at);
    const end = tokenEnd(at);
    if (SPACE.includes(character)) {
      // Between tokens it means nothing.
    } else if (OPENERS.includes(character)) {
      indent += '  ';
      const next = afterSpace(end);
      text += CLOSERS.includes(json.charAt(next)) ? character : character + indent;
    } else if (CLOSERS.includes(character)) {
      indent = indent.slice(0, -2);
      text += OPENERS.includes(text.charAt(text.length - 1)) ? character : indent + character;
    } else if (character === ',') {
      text += character + indent;
    } else if (character === ':') {
      text += ': ';
    } else {
      text += json.slice(at, end);
    }
    at = end;
  }
  return { text: cutText(text, most), cut: text.length > most };

  function afterSpace(from: number): number {
    let next = from;
    while (next < json.length && SPACE.includes(json.charAt(next))) next++;
    return next;
  }

  /** The offset behind the token that begins here, or that is as far as there is room for it. */
  function tokenEnd(from: number): number {
    const character = json.charAt(from);
    const last = Math.min(json.length, from + most + 1);
    let next = from + 1;
    if (character === '"') {
      while (next < last && json.charAt(next) !== '"') next += json.charAt(next) === '\\' ? 2 : 1;
      return Math.min(next + 1, json.length);
    }
    if (/[{}[\],: \t\r\n]/.test(character)) return next;
    while (next < last && !/[{}[\],: \t\r\n"]/.test(json.charAt(next))) next++;
    return next;
  }
}
