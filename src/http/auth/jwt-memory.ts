import { timingSafeEqual } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyResult } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../core/access.js';
import { wordsAt } from '../../core/claims.js';
import { grantsFor } from '../../core/identity.js';
import type { JwtSettings } from '../../core/identity.js';
import { isSubject } from '../../core/principal-grants.js';
import type { Jwks } from './jwks.js';
import { ownBytes, ownText } from './own-copy.js';

/**
 * The bearers of JWTs (RFC 7519) of one issuer. Those that were verified are remembered until they expire or the issuer's keys are
 * others.
 */
export interface JwtMemory {
  /** From memory; undefined: it has to be asked for. `null`: no JWT. */
  peek(token: string): Principal | null | undefined;
  /** `null`: not one of the issuer for us, or not good any more or yet. Rejects with `unavailable` where its keys are not to be had. */
  ask(token: string): Promise<Principal | null>;
  /** It was verified before, and has not expired. */
  recognises(token: string): boolean;
}

const MOST_TOKENS = 20_000;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_CHARACTERS = 8_192;
/** RFC 7515 §3.1: header, payload and signature. */
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** The header `typ` of access tokens (RFC 9068 §2.1, RFC 7519 §5.1); there are other JWTs that are none, such as logout tokens. */
const USUAL_TYPES: readonly (string | undefined)[] = ['at+jwt', 'jwt', undefined];

interface Known {
  /** To compare it takes less than to digest it. */
  readonly token: Buffer;
  readonly principal: Principal;
  readonly keys: JWTVerifyGetKey;
  /** Milliseconds since 1970. */
  readonly goodUntil: number;
}

export function makeJwtMemory(settings: JwtSettings, { jwks }: { readonly jwks: Jwks }): JwtMemory {
  /** By their claims, which are no secret; their signature is. */
  const known = new LRUCache<string, Known>({
    max: MOST_TOKENS,
    maxSize: MOST_BYTES,
    sizeCalculation: ({ token }, claims) => token.length + claims.length,
  });

  function find(token: string): Known | undefined {
    const claims = claimsOf(token);
    const found = claims === undefined ? undefined : known.get(claims);
    return found !== undefined && Date.now() < found.goodUntil && isSame(found.token, token) ? found : undefined;
  }

  /** Undefined: none of these keys is the one that it names. */
  async function verify(token: string, keys: JWTVerifyGetKey): Promise<Principal | null | undefined> {
    let verified: JWTVerifyResult;
    try {
      verified = await jwtVerify(token, keys, {
        issuer: settings.issuer,
        audience: [...settings.audiences],
        algorithms: [...settings.algorithms],
        clockTolerance: settings.clockSkewSeconds,
        requiredClaims: ['sub', 'exp'],
      });
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
    const { payload, protectedHeader } = verified;
    if (!isRightType(protectedHeader.typ)) return null;
    const principal = principalOf(payload, settings);
    if (principal === null) return null;
    const goodUntil = ((payload.exp ?? 0) + settings.clockSkewSeconds) * 1000;
    const claims = claimsOf(token);
    if (claims !== undefined) known.set(ownText(claims), { token: ownBytes(token), principal, keys, goodUntil });
    return principal;
  }

  /** RFC 7515 §4.1.9: a media type, whose `application/` is mostly left out. */
  function isRightType(typ: unknown): boolean {
    // jose promises a text, and does not look.
    if (typ !== undefined && typeof typ !== 'string') return false;
    const type = plainType(typ);
    return settings.type === undefined ? USUAL_TYPES.includes(type) : type === plainType(settings.type);
  }

  return {
    recognises: (token) => find(token) !== undefined,
    peek(token) {
      if (claimsOf(token) === undefined) return null;
      const keys = jwks.peek();
      const found = keys === undefined ? undefined : find(token);
      return found?.keys === keys ? found?.principal : undefined;
    },
    async ask(token) {
      if (!isJwt(token)) return null;
      const arrivedAt = performance.now();
      const keys = await jwks.ask();
      const principal = await verify(token, keys);
      if (principal !== undefined) return principal;
      const newer = await jwks.askAgain(arrivedAt);
      return newer === keys ? null : ((await verify(token, newer)) ?? null);
    },
  };
}

/** The second of its three parts, as it stands there; undefined: it is no JWT. */
function claimsOf(token: string): string | undefined {
  if (token.length > MOST_CHARACTERS) return undefined;
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  return first > 0 && second > 0 && !token.includes('.', second + 1) ? token.slice(first + 1, second) : undefined;
}

/** In a time that says nothing of how much of it was right. */
function isSame(known: Buffer, token: string): boolean {
  const given = Buffer.from(token);
  return known.length === given.length && timingSafeEqual(known, given);
}

function isJwt(token: string): boolean {
  return token.length <= MOST_CHARACTERS && FORM.test(token);
}

function plainType(typ: string | undefined): string | undefined {
  return typ?.toLowerCase().replace(/^application\//, '');
}

function principalOf(claims: JWTPayload, { claims: { roles, tenants }, rules }: JwtSettings): Principal | null {
  const { sub } = claims;
  if (typeof sub !== 'string' || !isSubject(sub)) return null;
  const told = {
    roles: roles === undefined ? [] : wordsAt(claims, roles),
    tenants: tenants === undefined ? undefined : wordsAt(claims, tenants),
  };
  return { name: `jwt:${sub}`, grants: grantsFor(rules, told) };
}
