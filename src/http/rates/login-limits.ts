import type { Request } from 'express';
import { FeedsError } from '../../core/errors.js';
import { networkOf } from '../../core/network.js';
import { wholeSeconds } from '../../core/rate.js';
import { isUserName } from '../../core/user.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { Authenticator } from '../auth/authenticator.js';
import { basicCredentials } from '../auth/basic.js';
import { makeBuckets } from './buckets.js';
import type { Bucket, Buckets } from './buckets.js';
import { tooMuch } from './rate-limits.js';
import type { Counted } from './spending.js';

/** Failed logins a minute; 0: no limit. */
export interface LoginQuotas {
  /** By one name from one address. */
  readonly failedLogins: number;
  /** From one address. */
  readonly failedLoginsAddress: number;
}

export interface LoginLimitsDeps {
  readonly quotas: LoginQuotas;
  readonly tell: (bucket: Bucket) => void;
  readonly metrics: Pick<Metrics, 'rateLimited'>;
}

/**
 * Lets whoever has failed too often wait, before anything is worked out or looked up (docs/adr/0010-limits.md). Failures count where
 * they come from, so that nobody can keep a user out from elsewhere; and who has got in on this node by the same credentials goes on,
 * whatever else comes from its address. Then only the limit of the name counts guesses, for what is compared in memory would let one
 * guess as fast as the network is.
 */
export function withLoginLimits(inner: Authenticator, { quotas, tell, metrics }: LoginLimitsDeps): Authenticator {
  const limit = (name: string, quota: number): Buckets | undefined =>
    quota === 0 ? undefined : makeBuckets({ name, quota }, { tellFrom: 1, tell });
  const byName = limit('failed-logins', quotas.failedLogins);
  /**
   * By the name of somebody who is in, from an address that is held up: no node needs to hear of these. Other names get in from there by
   * no password, and are not counted: who makes them up would have those forgotten that are guessed at.
   */
  const byNameHeldUp =
    quotas.failedLogins === 0
      ? undefined
      : makeBuckets(
          { name: 'failed-logins', quota: quotas.failedLogins },
          { tellFrom: Infinity, tell: () => undefined },
        );
  const byAddress = limit('failed-logins-address', quotas.failedLoginsAddress);

  /** What is known of failures; nothing where none has been seen. */
  function suspicion(req: Request): Suspicion {
    if (byName?.size === 0 && byAddress?.size === 0) return UNSUSPECTED;
    const network = networkOf(req.clientAddress);
    const name = claimedName(req);
    const ofAddress = found(byAddress, network);
    if (name === undefined) return { ofAddress };
    const key = keyOf(name, network);
    return { ofAddress, ofName: found(byName, key), ofNameHeldUp: found(byNameHeldUp, key) };
  }

  function refuse(req: Request, { buckets, bucket }: Counted): never {
    const now = performance.now();
    const seconds = wholeSeconds(buckets.wait(bucket, 1, now));
    const { policy } = buckets;
    req.spending = {
      policies: buckets.policyItem,
      counted: [{ buckets, bucket }],
      reading: false,
      refusedFor: seconds,
    };
    metrics.rateLimited(policy.name);
    req.loginRefusal = tooMuch('too many logins have failed', [policy], seconds);
    throw req.loginRefusal;
  }

  /** Counts a failure, once for however often the same request is looked at. */
  function failed(req: Request, error: unknown): unknown {
    if (!(error instanceof FeedsError) || error.details.credentials !== 'invalid') return error;
    const network = networkOf(req.clientAddress);
    count(byAddress, network);
    const name = claimedName(req);
    if (name !== undefined) count(byName, keyOf(name, network));
    req.loginRefusal = error;
    return error;
  }

  return {
    peek(req) {
      if (req.loginRefusal !== undefined) throw req.loginRefusal;
      const { ofAddress, ofName, ofNameHeldUp } = suspicion(req);
      if (isExhausted(ofName)) refuse(req, ofName);
      const closed = isExhausted(ofAddress) ? ofAddress : undefined;
      if (closed !== undefined && byName === undefined && claimedName(req) !== undefined) refuse(req, closed);
      // In the words for any other name: which of them is in is nobody's business.
      if (closed !== undefined && isExhausted(ofNameHeldUp)) refuse(req, closed);
      let principal;
      try {
        principal = inner.peek(req);
      } catch (error) {
        if (closed !== undefined) refuse(req, closed);
        throw failed(req, error);
      }
      if (principal === undefined && closed !== undefined && !inner.recognises(req)) {
        const name = claimedName(req);
        if (name !== undefined && inner.remembers(name)) {
          count(byNameHeldUp, keyOf(name, networkOf(req.clientAddress)));
        }
        refuse(req, closed);
      }
      return principal;
    },
    ask: (req, res) =>
      inner.ask(req, res).catch((error: unknown) => {
        throw failed(req, error);
      }),
    recognises: (req) => inner.recognises(req),
    remembers: (name) => inner.remembers(name),
    challenge: (error) => inner.challenge(error),
  };
}

interface Suspicion {
  readonly ofAddress?: Counted | undefined;
  readonly ofName?: Counted | undefined;
  readonly ofNameHeldUp?: Counted | undefined;
}

const UNSUSPECTED: Suspicion = {};

function claimedName(req: Request): string | undefined {
  const name = basicCredentials(req)?.name;
  return name !== undefined && isUserName(name) ? name : undefined;
}

function keyOf(name: string, network: string): string {
  return `${network},${name}`;
}

function found(buckets: Buckets | undefined, key: string): Counted | undefined {
  const bucket = buckets?.find(key);
  return buckets === undefined || bucket === undefined ? undefined : { buckets, bucket };
}

function isExhausted(counted: Counted | undefined): counted is Counted {
  return counted !== undefined && counted.buckets.wait(counted.bucket, 1, performance.now()) > 0;
}

/** Never beyond its quota: who goes on in vain waits no longer than who stops. */
function count(buckets: Buckets | undefined, key: string): void {
  if (buckets === undefined) return;
  const bucket = buckets.of(key);
  const now = performance.now();
  if (buckets.wait(bucket, 1, now) === 0) buckets.take(bucket, 1, now);
}
