import type { ClaimPath } from './identity.js';

/** Claims of a JWT: JSON of any shape. */
type Claims = Readonly<Record<string, unknown>>;

const WORD = /^[^\s\p{Cc}\p{Cs}]{1,256}$/u;

/**
 * The words of a claim: of an array each text or whole number; of a text what white space parts, as in `scope` (RFC 9068 §2.2.3). What is
 * neither, or cannot be a word (1 to 256 characters, no white space), is left out.
 */
export function wordsAt(claims: Claims, path: ClaimPath): readonly string[] {
  const value = valueAt(claims, path);
  const items: readonly unknown[] =
    typeof value === 'string' ? value.split(/\s+/) : Array.isArray(value) ? value : [value];
  return [...new Set(items.map(wordOf).filter((word) => word !== undefined))];
}

function valueAt(claims: Claims, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = (value as Claims)[name];
  }
  return value;
}

function wordOf(item: unknown): string | undefined {
  const word = Number.isSafeInteger(item) ? String(item) : item;
  return typeof word === 'string' && WORD.test(word) ? word : undefined;
}
