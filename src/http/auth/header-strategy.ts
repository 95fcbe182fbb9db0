import type { Request } from 'express';
import { Strategy } from 'passport-strategy';
import type { Principal } from '../../core/access.js';

/** A way in by what the headers hold: what `find` takes out of them, `who` tells whose it is; null: nobody's. */
export class HeaderStrategy<Credentials> extends Strategy {
  readonly name: string;
  // Passport works with an object that only inherits from this one: #private fields would not be seen.
  private readonly find: (req: Request) => Credentials | undefined;
  private readonly who: (credentials: Credentials) => Promise<Principal | null>;

  constructor(
    name: string,
    find: (req: Request) => Credentials | undefined,
    who: (credentials: Credentials) => Promise<Principal | null>,
  ) {
    super();
    this.name = name;
    this.find = find;
    this.who = who;
  }

  override authenticate(req: Request): void {
    const credentials = this.find(req);
    if (credentials === undefined) {
      this.fail(401);
      return;
    }
    this.who(credentials).then(
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
