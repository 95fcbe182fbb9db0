/**
 * What a terminal would take for a command, or what would show a text in another order than it has: controls (C0, DEL, C1), marks of
 * direction, separators of lines, and halves of surrogate pairs. Titles and messages come from anybody.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** The text in one line, safe for a terminal: what is not is shown as `\u{1b}`. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The same for text that has lines of its own. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printable).join('\n');
}

/**
 * A JSON text in one line that means the same and is safe for a terminal. Raw line breaks stand between its tokens only; all
 * else that is unsafe stands within strings (RFC 8259 §7), where an escape means the same.
 */
export function oneLineJson(json: string): string {
  return json
    .trim()
    .replaceAll(/[\t\n\r]+/g, ' ')
    .replaceAll(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
