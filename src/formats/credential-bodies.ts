import { createRequire } from 'node:module';
import type { Grant } from '../core/access.js';
import { compileChecks, parseJson } from './json/checked-json.js';

export interface TokenBody {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly expiresInDays?: number;
}

export interface UserBody {
  readonly password?: string;
  readonly grants: readonly Grant[];
}

export interface PrincipalGrantsBody {
  readonly grants: readonly Omit<Grant, 'workspace'>[];
}

/** The package's own schemas, beside src as beside dist. */
const load = createRequire(import.meta.url);
const checks = compileChecks({
  feed: load('../../schemas/api/feed.json') as Record<string, unknown>,
  token: load('../../schemas/api/token.json') as Record<string, unknown>,
  user: load('../../schemas/api/user.json') as Record<string, unknown>,
  principalGrants: load('../../schemas/api/principal-grants.json') as Record<string, unknown>,
});

/** schemas/api/token.json. Refuses as `parseJson` and `Check` do. */
export function readTokenBody(bytes: Buffer): TokenBody {
  const value = parseJson(bytes);
  checks.token(value, 'the body');
  return value as TokenBody;
}

/** schemas/api/user.json. Refuses likewise. */
export function readUserBody(bytes: Buffer): UserBody {
  const value = parseJson(bytes);
  checks.user(value, 'the body');
  return value as UserBody;
}

/** schemas/api/principal-grants.json. Refuses likewise. */
export function readPrincipalGrantsBody(bytes: Buffer): PrincipalGrantsBody {
  const value = parseJson(bytes);
  checks.principalGrants(value, 'the body');
  return value as PrincipalGrantsBody;
}
