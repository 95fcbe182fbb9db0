import type { Request, Response } from 'express';
import passport from 'passport';
import { ADMIN, ANONYMOUS } from '../../core/access.js';
import type { Principal } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import { authToken } from './auth-token.js';
import { basicCredentials } from './basic.js';
import { bearerToken } from './bearer.js';
import type { GrantMemory } from './grant-memory.js';
import { HeaderStrategy } from './header-strategy.js';
import type { JwtMemory } from './jwt-memory.js';
import type { KeystoneMemory } from './keystone-memory.js';
import type { TokenMemory } from './token-memory.js';
import type { UserMemory } from './user-memory.js';

/** Finds out who calls. Whatever way it takes, it ends in one principal. */
export interface Authenticator {
  /** From memory; undefined: it has to be asked. Throws as `ask` rejects. */
  peek(req: Request): Principal | undefined;
  /**
   * Rejects with `unauthorized` for credentials that are wrong, even where none are needed, so that their sender hears of it
   * (RFC 6750 §3).
   */
  ask(req: Request, res: Response): Promise<Principal>;
  /** Its credentials were right on this node before, however long ago; they may no longer be. */
  recognises(req: Request): boolean;
  /** Somebody of this name got in by a password on this node before: one can be guessed in memory. */
  remembers(name: string): boolean;
  /** What WWW-Authenticate says (RFC 9110 §11.6.1): each way in; of bearer tokens what is wrong with the one that was shown. */
  challenge(error: 'invalid_token' | 'insufficient_scope' | undefined): string;
}

export interface AuthenticatorDeps {
  readonly isAdminToken: (token: string) => boolean;
  /** Undefined: this way is not on. So are the next three. */
  readonly tokens: TokenMemory | undefined;
  readonly users: UserMemory | undefined;
  readonly jwts: JwtMemory | undefined;
  readonly keystone: { readonly memory: KeystoneMemory; readonly publicUrl: string } | undefined;
  /** What those are granted besides who come by one of the last three. */
  readonly granted: GrantMemory;
}

export function makeAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { isAdminToken, tokens, users, jwts, keystone, granted } = deps;
  const strategies = new passport.Passport();
  strategies.use(new HeaderStrategy('bearer', bearerToken, askBearer));
  if (users !== undefined) {
    const ask = async ({ name, password }: { name: string; password: string }): Promise<Principal | null> =>
      withGranted(await users.ask(name, password));
    strategies.use(new HeaderStrategy('basic', basicCredentials, ask));
  }
  if (keystone !== undefined) {
    const ask = async (token: string): Promise<Principal | null> => withGranted(await keystone.memory.ask(token));
    strategies.use(new HeaderStrategy('keystone', authToken, ask));
  }
  /** In the order in which they are tried. */
  const names = ['bearer', ...(users === undefined ? [] : ['basic']), ...(keystone === undefined ? [] : ['keystone'])];
  const others = [
    ...(users === undefined ? [] : ['Basic realm="millrace", charset="UTF-8"']),
    // As OpenStack's own services say it.
    ...(keystone === undefined ? [] : [`Keystone uri="${keystone.publicUrl}"`]),
  ];

  async function withGranted(principal: Principal | null): Promise<Principal | null> {
    return principal === null ? null : granted.ask(principal);
  }

  function peekBearer(token: string): Principal | undefined {
    const own = tokens === undefined ? null : tokens.peek(token);
    if (own !== null) return own;
    const known = jwts === undefined ? null : jwts.peek(token);
    if (known !== null) return known === undefined ? undefined : granted.peek(known);
    // It comes last: to compare it with one that it is not takes a digest.
    if (isAdminToken(token)) return ADMIN;
    throw wrongCredentials();
  }

  async function askBearer(token: string): Promise<Principal | null> {
    if (isAdminToken(token)) return ADMIN;
    const own = tokens === undefined ? null : await tokens.ask(token);
    return own ?? (jwts === undefined ? null : withGranted(await jwts.ask(token)));
  }

  /** Nothing in Authorization: X-Auth-Token, if anything. */
  function peekAuthToken(req: Request): Principal | undefined {
    const token = keystone === undefined ? undefined : authToken(req);
    if (keystone === undefined || token === undefined) return ANONYMOUS;
    const known = keystone.memory.peek(token);
    if (known === null) throw wrongCredentials();
    return known === undefined ? undefined : granted.peek(known);
  }

  return {
    peek(req) {
      if (req.headers.authorization === undefined) return peekAuthToken(req);
      const token = bearerToken(req);
      if (token !== undefined) return peekBearer(token);
      const given = users === undefined ? undefined : basicCredentials(req);
      if (users === undefined || given === undefined) throw wrongCredentials();
      const known = users.peek(given.name, given.password);
      return known === undefined ? undefined : granted.peek(known);
    },
    ask(req, res) {
      return new Promise((resolve, reject) => {
        const done = (error: unknown, principal: Principal | false | undefined): void => {
          if (error instanceof Error) reject(error);
          else if (principal === undefined || principal === false) reject(wrongCredentials());
          else resolve(principal);
        };
        (strategies.authenticate(names, { session: false }, done) as PassportHandler)(req, res, done);
      });
    },
    recognises(req) {
      if (req.headers.authorization === undefined) {
        const token = authToken(req);
        return token !== undefined && keystone?.memory.recognises(token) === true;
      }
      const token = bearerToken(req);
      if (token !== undefined) {
        // Where JWTs are taken, an admin token with two dots could be one.
        return isAdminToken(token) || tokens?.recognises(token) === true || jwts?.recognises(token) === true;
      }
      const given = basicCredentials(req);
      return given !== undefined && users?.recognises(given.name, given.password) === true;
    },
    remembers: (name) => users?.remembers(name) === true,
    challenge(error) {
      return [`Bearer realm="millrace"${error === undefined ? '' : `, error="${error}"`}`, ...others].join(', ');
    },
  };
}

type PassportHandler = (req: Request, res: Response, next: (error: unknown, none?: undefined) => void) => void;

function wrongCredentials(): FeedsError {
  const message = 'the credentials are nothing that this server takes, or nothing that is still good';
  return new FeedsError('unauthorized', message, { credentials: 'invalid' });
}
