/** What XML 1.0 (fifth edition) says of single characters, as a table for ASCII and as functions for the rest. */

/** May begin an NCName (Namespaces in XML 1.0 §3). */
const NAME_START = 1;
/** May stand within an NCName. */
export const NAME = 2;
/** S, production [3]. */
export const SPACE = 4;
/** The bits above for each ASCII code. */
export const ASCII: Uint8Array = asciiClasses();

function asciiClasses(): Uint8Array {
  const classes = new Uint8Array(128);
  for (let code = 0; code < 128; code++) {
    const character = String.fromCharCode(code);
    let bits = 0;
    if (/[A-Za-z_]/.test(character)) bits |= NAME_START;
    if (/[A-Za-z0-9_.-]/.test(character)) bits |= NAME;
    if (/[ \t\r\n]/.test(character)) bits |= SPACE;
    classes[code] = bits;
  }
  return classes;
}

/** Char, production [2]: what a character reference may name. */
export function isChar(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code < 0xd800 || (code > 0xdfff && code < 0xfffe) || (code > 0xffff && code <= 0x10ffff);
}

/** NameStartChar, production [4], without the colon. */
export function isNameStart(code: number): boolean {
  if (code < 128) return (ASCII[code]! & NAME_START) !== 0;
  return (
    (code >= 0xc0 && code <= 0x2ff && code !== 0xd7 && code !== 0xf7) ||
    (code >= 0x370 && code <= 0x1fff && code !== 0x37e) ||
    (code >= 0x200c && code <= 0x200d) ||
    (code >= 0x2070 && code <= 0x218f) ||
    (code >= 0x2c00 && code <= 0x2fef) ||
    (code >= 0x3001 && code <= 0xd7ff) ||
    (code >= 0xf900 && code <= 0xfdcf) ||
    (code >= 0xfdf0 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0xeffff)
  );
}

/** NameChar, production [4a], without the colon. */
export function isName(code: number): boolean {
  if (code < 128) return (ASCII[code]! & NAME) !== 0;
  return isNameStart(code) || code === 0xb7 || (code >= 0x300 && code <= 0x36f) || code === 0x203f || code === 0x2040;
}

/** A character as a message may show it: itself when it can be seen, and its number. */
export function showCharacter(code: number): string {
  const number = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  const visible = code > 0x20 && code < 0x7f;
  return visible ? `"${String.fromCharCode(code)}"` : number;
}
