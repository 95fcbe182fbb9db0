import type { Request, Response } from 'express';
import passport from 'passport';
import { ADMIN, ANONYMOUS } from '../../core/access.js';
import type { Principal, WayIn } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import { basicCredentials } from './basic.js';
import { bearerToken } from './bearer.js';
import { HeaderStrategy } from './header-strategy.js';
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
  /** What WWW-Authenticate says (RFC 9110 §11.6.1): each way in; of bearer tokens what is wrong with the one that was shown. */
  challenge(error: 'invalid_token' | 'insufficient_scope' | undefined): string;
}

export interface AuthenticatorDeps {
  /** Those that are on. */
  readonly ways: readonly WayIn[];
  readonly isAdminToken: (token: string) => boolean;
  readonly tokens: TokenMemory;
  readonly users: UserMemory;
}

export function makeAuthenticator({ ways, isAdminToken, tokens, users }: AuthenticatorDeps): Authenticator {
  const takesTokens = ways.includes('token');
  const takesPasswords = ways.includes('basic');
  const strategies = new passport.Passport();
  strategies.use(
    new HeaderStrategy('bearer', bearerToken, async (token) => {
      if (isAdminToken(token)) return ADMIN;
      return takesTokens ? tokens.ask(token) : null;
    }),
  );
  if (takesPasswords) {
    strategies.use(new HeaderStrategy('basic', basicCredentials, ({ name, password }) => users.ask(name, password)));
  }
  /** In the order in which they are tried. */
  const names = takesPasswords ? ['bearer', 'basic'] : ['bearer'];

  return {
    peek(req) {
      if (req.headers.authorization === undefined) return ANONYMOUS;
      const token = bearerToken(req);
      if (token !== undefined) {
        const principal = takesTokens ? tokens.peek(token) : null;
        if (principal !== null) return principal;
        // It comes last: to compare it with one that it is not takes a digest.
        if (isAdminToken(token)) return ADMIN;
        throw wrongCredentials();
      }
      const given = takesPasswords ? basicCredentials(req) : undefined;
      if (given === undefined) throw wrongCredentials();
      return users.peek(given.name, given.password);
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
      const token = bearerToken(req);
      if (token !== undefined) return takesTokens && tokens.recognises(token);
      const given = takesPasswords ? basicCredentials(req) : undefined;
      return given !== undefined && users.recognises(given.name, given.password);
    },
    challenge(error) {
      const bearer = `Bearer realm="millrace"${error === undefined ? '' : `, error="${error}"`}`;
      return takesPasswords ? `${bearer}, Basic realm="millrace", charset="UTF-8"` : bearer;
    },
  };
}

type PassportHandler = (req: Request, res: Response, next: (error: unknown, none?: undefined) => void) => void;

function wrongCredentials(): FeedsError {
  const message = 'the Authorization header holds nothing that this server takes, or nothing that is still good';
  return new FeedsError('unauthorized', message, { credentials: 'invalid' });
}
