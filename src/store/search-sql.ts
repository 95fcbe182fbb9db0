import { PRIVATE_TERM } from '../core/search.js';
import type { Search } from '../core/search.js';

/** A boolean expression of SQL, and the values of its parameters in order. */
export interface SearchCondition {
  readonly sql: string;
  readonly values: readonly string[];
}

/** Is an entry private whose normalised terms are in this column of our own SQL? */
export function privateSql(column: string): string {
  return `'${PRIVATE_TERM}' = any (${column})`;
}

/**
 * The search as a condition on `column`, a `text[] not null` of normalised terms; true of the same rows as
 * `matches`. The first of its values is parameter `$nextParameter`. `column` is pasted in: it comes from our own SQL.
 */
export function searchCondition(search: Search, column: string, nextParameter: number): SearchCondition {
  const values: string[] = [];
  return { sql: condition(search), values };

  function condition(part: Search): string {
    switch (part.kind) {
      case 'term':
        return `${parameter(part.term)} = any (${column})`;
      case 'prefix':
        return `exists (select from unnest(${column}) as term where starts_with(term, ${parameter(part.prefix)}))`;
      case 'and':
        return `(${part.of.map(condition).join(' and ')})`;
      case 'or':
        return `(${part.of.map(condition).join(' or ')})`;
      case 'not':
        return `not (${condition(part.of)})`;
    }
  }

  function parameter(value: string): string {
    values.push(value);
    return `$${nextParameter + values.length - 1}`;
  }
}
