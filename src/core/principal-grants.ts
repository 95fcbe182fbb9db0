import type { Grant } from './access.js';
import type { Instant } from './entry.js';
import { FeedsError } from './errors.js';
import { checkUserName } from './user.js';

/** What a principal was granted in a workspace by those who administer it, beside what its credentials give it. */
export interface PrincipalGrants {
  readonly workspace: string;
  /** The name of a `Principal`: `jwt:…`, `keystone:…` or `user:…`. */
  readonly principal: string;
  /** All of them in this workspace. */
  readonly grants: readonly Grant[];
  readonly grantedAt: Instant;
  readonly grantedBy: string;
}

const USER = 'user:';
/** What an issuer or a Keystone calls somebody; Postgres takes no NUL, a log no line ends. */
const NAMED_ELSEWHERE = /^(?:jwt|keystone):(.+)$/su;
const SUBJECT = /^[^\p{Cc}\p{Cs}]{1,256}$/u;

/** May somebody be called so? 1 to 256 characters, no controls. */
export function isSubject(text: string): boolean {
  return SUBJECT.test(text);
}

/** Of the principal of a user its name. */
export function userOf(principal: string): string | undefined {
  return principal.startsWith(USER) ? principal.slice(USER.length) : undefined;
}

export function userPrincipal(name: string): string {
  return USER + name;
}

/** Throws `bad-parameter` for what nobody is called who can be granted something. */
export function checkGrantee(principal: string): void {
  const user = userOf(principal);
  if (user !== undefined) {
    checkUserName(user);
    return;
  }
  const [, subject = ''] = NAMED_ELSEWHERE.exec(principal) ?? [];
  if (isSubject(subject)) return;
  const message = `"${principal.slice(0, 140)}" is nobody who can be granted something: jwt:SUBJECT, keystone:USER-ID or user:NAME; a token has its own grants`;
  throw new FeedsError('bad-parameter', message);
}
