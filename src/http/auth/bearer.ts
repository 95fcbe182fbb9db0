import type { Request } from 'express';
import { Strategy } from 'passport-strategy';
import type { Principal } from '../../core/access.js';

/** Who bears this token; null: nobody that is known. */
export type Bearer = (token: string) => Promise<Principal | null>;

/** RFC 6750 §2.1: a token in the Authorization header. In a URL or a body it is not taken: there it would be logged. */
export class BearerStrategy extends Strategy {
  readonly name = 'bearer';
  // Passport works with an object that only inherits from this one: a #private field would not be seen.
  private readonly bearer: Bearer;

  constructor(bearer: Bearer) {
    super();
    this.bearer = bearer;
  }

  override authenticate(req: Request): void {
    const token = bearerToken(req);
    if (token === undefined) {
      this.fail(401);
      return;
    }
    this.bearer(token).then(
      (principal) => {
        if (principal === null) this.fail(401);
        else this.success(principal);
      },
      (error: unknown) => {
        this.error(error as Error);
      },
    );
  }
}

export function bearerToken({ headers }: Pick<Request, 'headers'>): string | undefined {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? '')?.[1];
}
