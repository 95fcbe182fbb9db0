import { createRequire } from 'node:module';
import type { Grant } from '../core/access.js';
import { compileChecks, parseJson } from './json/checked-json.js';

export interface TokenBody {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly expiresInDays?: number;
}

/** The package's own schema, beside src as beside dist. */
const load = createRequire(import.meta.url);
const { token: check } = compileChecks({
  feed: load('../../schemas/api/feed.json') as Record<string, unknown>,
  token: load('../../schemas/api/token.json') as Record<string, unknown>,
});

/** schemas/api/token.json. Refuses as `parseJson` and `Check` do. */
export function readTokenBody(bytes: Buffer): TokenBody {
  const value = parseJson(bytes);
  check(value, 'the body');
  return value as TokenBody;
}
