import type { JsonNode } from './json-text.js';

/** The value at a JSON Pointer (RFC 6901), or where there is none the last one on the way to it. */
export function nodeAt(root: JsonNode, pointer: string): JsonNode {
  let at = root;
  for (const name of partsOf(pointer)) {
    const next: JsonNode | undefined =
      at.kind === 'object'
        ? at.members.findLast((member) => member.name === name)?.value
        : at.kind === 'array' && /^(?:0|[1-9]\d*)$/.test(name)
          ? at.items[Number(name)]
          : undefined;
    if (next === undefined) return at;
    at = next;
  }
  return at;
}

/** The names in a JSON Pointer, unescaped (RFC 6901 §4). */
export function partsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
