import type { Request, Response } from 'express';
import passport from 'passport';
import { ADMIN, ANONYMOUS } from '../../core/access.js';
import type { Principal } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import { BearerStrategy, bearerToken } from './bearer.js';
import type { TokenMemory } from './token-memory.js';

/** Finds out who calls. Whatever way it takes, it ends in one principal. */
export interface Authenticator {
  /** From memory; undefined: it has to be asked. Throws as `ask` rejects. */
  peek(req: Request): Principal | undefined;
  /**
   * Rejects with `unauthorized` for credentials that are wrong, even where none are needed, so that their sender hears of it
   * (RFC 6750 §3).
   */
  ask(req: Request, res: Response): Promise<Principal>;
}

/** The strategies, in the order in which they are tried. */
const STRATEGIES = ['bearer'];

export function makeAuthenticator(isAdminToken: (token: string) => boolean, tokens: TokenMemory): Authenticator {
  const strategies = new passport.Passport();
  strategies.use(
    new BearerStrategy(async (token) => {
      if (isAdminToken(token)) return ADMIN;
      return tokens.ask(token);
    }),
  );

  return {
    peek(req) {
      if (req.headers.authorization === undefined) return ANONYMOUS;
      const token = bearerToken(req);
      if (token === undefined) throw wrongCredentials();
      if (isAdminToken(token)) return ADMIN;
      const principal = tokens.peek(token);
      if (principal === null) throw wrongCredentials();
      return principal;
    },
    ask(req, res) {
      return new Promise((resolve, reject) => {
        const done = (error: unknown, principal: Principal | false | undefined): void => {
          if (error instanceof Error) reject(error);
          else if (principal === undefined || principal === false) reject(wrongCredentials());
          else resolve(principal);
        };
        (strategies.authenticate(STRATEGIES, { session: false }, done) as PassportHandler)(req, res, done);
      });
    },
  };
}

type PassportHandler = (req: Request, res: Response, next: (error: unknown, none?: undefined) => void) => void;

function wrongCredentials(): FeedsError {
  return new FeedsError(
    'unauthorized',
    'the Authorization header does not hold a bearer token that this server knows, and that is still good',
    { credentials: 'invalid' },
  );
}
