import type { Request } from 'express';

/** As long as any that Keystone makes; those of its first years, which held all in themselves, are not taken. */
const FORM = /^[\x21-\x7e]{1,4096}$/;

/**
 * The token of Keystone in X-Auth-Token. Undefined: there is none, or an Authorization header is there, which alone counts then: two
 * callers in one request are not both asked who they are.
 */
export function authToken({ headers }: Pick<Request, 'headers'>): string | undefined {
  if (headers.authorization !== undefined) return undefined;
  const token = headers['x-auth-token'];
  return typeof token === 'string' ? token : undefined;
}

/** Can it be one? */
export function isAuthToken(token: string): boolean {
  return FORM.test(token);
}
