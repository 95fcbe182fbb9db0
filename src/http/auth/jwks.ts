import { createLocalJWKSet, errors } from 'jose';
import type { CryptoKey, JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { JwtSettings } from '../../core/identity.js';
import type { Logger } from '../../telemetry/logger.js';
import { askService, identityUnavailable } from './ask-service.js';

/**
 * The keys of an issuer (RFC 7517 §5), remembered: looked for again from time to time, and when a key is not among them, but not because
 * of each token that names one that nobody has. When they cannot be looked for, those that are known go on for a while.
 */
export interface Jwks {
  /** The keys, which are the same object until they change; undefined: they have to be asked for. */
  peek(): JWTVerifyGetKey | undefined;
  /** Rejects with `unavailable`. */
  ask(): Promise<JWTVerifyGetKey>;
  /**
   * Because these have not the one that a token names which came at this time (`performance.now()`); they may come back, where they were
   * looked for since. Rejects with `unavailable`, also where it is too soon to look again: the issuer may have a new one by now.
   */
  askAgain(since: number): Promise<JWTVerifyGetKey>;
}

interface Known {
  readonly keys: JWTVerifyGetKey;
  /** What they were made of. */
  readonly text: string;
  /** `performance.now()` before they were asked for. */
  readonly askedAt: number;
}

type Settings = Pick<JwtSettings, 'jwks' | 'timeoutSeconds'>;

export function makeJwks({ jwks, timeoutSeconds }: Settings, { logger }: { readonly logger: Logger }): Jwks {
  const { url } = jwks;
  const [refreshMs, retryMs, keepMs] = [jwks.refreshSeconds * 1000, jwks.retrySeconds * 1000, jwks.keepSeconds * 1000];
  let known: Known | undefined;
  let asking: Promise<JWTVerifyGetKey> | undefined;
  /** The last time, well or in vain. */
  let lookedAt = -Infinity;

  async function get(): Promise<JWTVerifyGetKey> {
    const askedAt = performance.now();
    try {
      const text = await keySet(url, timeoutSeconds);
      // As long as they say the same they are the same: what they have verified stays so.
      const keys = known?.text === text ? known.keys : keysOf(text);
      known = { keys, text, askedAt };
      lookedAt = askedAt;
      return keys;
    } catch (error) {
      lookedAt = performance.now();
      logger.warn({ err: error, url }, 'the keys of the issuer of JWTs could not be read');
      throw identityUnavailable(Math.ceil(jwks.retrySeconds));
    }
  }

  function look(): Promise<JWTVerifyGetKey> {
    asking ??= get().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  function mayLook(): boolean {
    return asking !== undefined || performance.now() - lookedAt >= retryMs;
  }

  function peek(): JWTVerifyGetKey | undefined {
    if (known === undefined) return undefined;
    const age = performance.now() - known.askedAt;
    // Nobody waits for it.
    if (age >= refreshMs && mayLook()) look().catch(() => undefined);
    return age < keepMs ? known.keys : undefined;
  }

  async function lookIfNotTooSoon(): Promise<JWTVerifyGetKey> {
    if (mayLook()) return look();
    throw identityUnavailable(Math.max(1, Math.ceil((lookedAt + retryMs - performance.now()) / 1000)));
  }

  return {
    peek,
    ask: async () => peek() ?? (await lookIfNotTooSoon()),
    askAgain: async (since) => (known !== undefined && known.askedAt >= since ? known.keys : lookIfNotTooSoon()),
  };
}

async function keySet(url: string, timeoutSeconds: number): Promise<string> {
  const { status, text } = await askService(url, { timeoutSeconds });
  if (status !== 200) throw new Error(`${url} answered ${String(status)}`);
  return text;
}

/** RFC 7518 §3.3: 2,048 bits at least. */
const LEAST_RSA_BITS = 2_048;

/** What is no key, or too weak to be one, nobody has signed with; jose would tell of it as of a bug. */
function keysOf(text: string): JWTVerifyGetKey {
  const keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
  return async (header, token) => {
    let key: CryptoKey;
    try {
      key = await keys(header, token);
    } catch (cause) {
      throw cause instanceof errors.JOSEError
        ? cause
        : new errors.JWKSInvalid('the issuer has a key that is none', { cause });
    }
    const { modulusLength = LEAST_RSA_BITS } = key.algorithm as { modulusLength?: number };
    if (modulusLength < LEAST_RSA_BITS) throw new errors.JWKSInvalid('the issuer has a key that is too weak');
    return key;
  };
}
