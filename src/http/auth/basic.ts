import type { Request } from 'express';
import { Strategy } from 'passport-strategy';
import type { Principal } from '../../core/access.js';

/** Whose password this is; null: nobody's that is known. */
export type Login = (name: string, password: string) => Promise<Principal | null>;

/** RFC 7617: a name and a password in the Authorization header. */
export class BasicStrategy extends Strategy {
  readonly name = 'basic';
  // Passport works with an object that only inherits from this one: a #private field would not be seen.
  private readonly login: Login;

  constructor(login: Login) {
    super();
    this.login = login;
  }

  override authenticate(req: Request): void {
    const given = basicCredentials(req);
    if (given === undefined) {
      this.fail(401);
      return;
    }
    this.login(given.name, given.password).then(
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

/** §2: the name ends at the first colon; §2.1: we say that we read UTF-8. */
export function basicCredentials({
  headers,
}: Pick<Request, 'headers'>): { readonly name: string; readonly password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
