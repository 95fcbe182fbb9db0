import { createHash, randomBytes } from 'node:crypto';
import type { Grant } from './access.js';
import type { Instant } from './entry.js';

/** A bearer token of ours as it is kept: without the token itself. */
export interface Token {
  readonly id: string;
  /** What its bearer is called by those who administer. */
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly createdAt: Instant;
  readonly createdBy: string;
  readonly expiresAt: Instant | undefined;
  readonly revokedAt: Instant | undefined;
  /** To the minute. */
  readonly lastUsedAt: Instant | undefined;
}

/** By its beginning and its length a token is found where it should not be, in a repository or in a log. */
const PREFIX = 'mrt_';
const FORM = /^mrt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/;
const LENGTH = 64;
const ID = { start: PREFIX.length, end: PREFIX.length + 16 };

/** A new token and the id that is a part of it. 256 bits of it are random. */
export function makeToken(): { id: string; token: string } {
  const id = randomBytes(8).toString('hex');
  return { id, token: `${PREFIX}${id}_${randomBytes(32).toString('base64url')}` };
}

/** The id in a token; undefined: it is none of ours. */
export function tokenId(token: string): string | undefined {
  return token.length === LENGTH && FORM.test(token) ? token.slice(ID.start, ID.end) : undefined;
}

/** What would be its id if it is one of ours: enough to look for one that is known. */
export function likelyTokenId(token: string): string | undefined {
  return token.length === LENGTH && token.startsWith(PREFIX) ? token.slice(ID.start, ID.end) : undefined;
}

const WITHIN = /mrt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}/g;
/** A JWT begins so, which is `{"` in Base64, and has three parts (RFC 7515 §3.1). */
const JWT_START = 'eyJ';
/** From where its first part begins only, so that no text takes long. */
const PARTS = /(?<![\w-])[\w-]+(?:\.[\w-]+){2,}/g;

/** A text in which only the id is left of a token of ours, and nothing of a JWT. */
export function withoutTokens(text: string): string {
  const rest = text.includes(PREFIX) ? text.replaceAll(WITHIN, (token) => `${token.slice(0, ID.end)}_…`) : text;
  return rest.includes(JWT_START) ? rest.replaceAll(PARTS, withoutJwt) : rest;
}

function withoutJwt(parts: string): string {
  const start = parts.indexOf(JWT_START);
  return start < 0 ? parts : `${parts.slice(0, start)}${JWT_START}…`;
}

export function tokenDigest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
