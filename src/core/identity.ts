import type { Grant } from './access.js';

/** How those are known who come by a JWT of an issuer or by a token of a Keystone: what AUTH_FILE says. */
export interface IdentitySettings {
  readonly jwt?: JwtSettings;
  readonly keystone?: KeystoneSettings;
}

export interface JwtSettings {
  /** The claim `iss` has to be this. */
  readonly issuer: string;
  /** One of them has to be in the claim `aud`. */
  readonly audiences: readonly string[];
  /** Of the issuer's keys. */
  readonly jwks: {
    readonly url: string;
    /** From one look for new keys to the next. */
    readonly refreshSeconds: number;
    /** Between two looks because of a key that is not known, or because one was in vain. */
    readonly retrySeconds: number;
    /** So long known keys go on when they cannot be looked for. */
    readonly keepSeconds: number;
  };
  /** RFC 8725 §3.1: no others are taken, whatever a token says. */
  readonly algorithms: readonly string[];
  /** What the header `typ` has to be; undefined: what an access token's usually is. */
  readonly type: string | undefined;
  readonly clockSkewSeconds: number;
  /** Until the issuer has to have answered. */
  readonly timeoutSeconds: number;
  /** The places of claims. */
  readonly claims: { readonly roles: ClaimPath | undefined; readonly tenants: ClaimPath | undefined };
  readonly rules: GrantRules;
}

/** A claim, or a member of one: `['realm_access', 'roles']`. */
export type ClaimPath = readonly string[];

export interface KeystoneSettings {
  /** Of its version 3, without a slash at the end. */
  readonly url: string;
  /** The same, as callers see it. */
  readonly publicUrl: string;
  /** Who we are there: we have to show a token of our own to ask about another. */
  readonly login: KeystoneLogin;
  /** So long what it said of a token is taken for true. */
  readonly cacheSeconds: number;
  readonly timeoutSeconds: number;
  readonly rules: GrantRules;
}

export type KeystoneLogin =
  | {
      readonly by: 'password';
      readonly user: string;
      readonly domain: string;
      readonly project: { readonly name: string; readonly domain: string } | undefined;
      readonly password: string;
    }
  | { readonly by: 'application-credential'; readonly id: string; readonly secret: string };

/** What is given to whom. */
export interface GrantRules {
  /** To whoever has a token that is good. */
  readonly everyone: readonly GrantRule[];
  /** By the name that the role has there. */
  readonly roles: ReadonlyMap<string, readonly GrantRule[]>;
}

export interface GrantRule extends Omit<Grant, 'tenants'> {
  /** Of a reader or exporter: of these tenants, or of all. Without it: of the caller's own, where these are known. */
  readonly tenants?: 'all' | readonly string[];
  /** For tokens of this project of Keystone only. */
  readonly project?: string;
}

/** What an issuer or a Keystone tells of somebody. */
export interface Told {
  readonly roles: readonly string[];
  /** Undefined: nothing is said of tenants at all. Empty: there are none. */
  readonly tenants: readonly string[] | undefined;
  readonly project?: string | undefined;
}

/** A reader or exporter who belongs to tenants sees theirs only, and who could belong to some and does to none sees nothing. */
export function grantsFor({ everyone, roles }: GrantRules, { roles: has, tenants, project }: Told): Grant[] {
  const rules = [...everyone, ...[...new Set(has)].flatMap((role) => roles.get(role) ?? [])];
  return rules
    .filter((rule) => rule.project === undefined || rule.project === project)
    .map(({ project: _project, tenants: named = tenants ?? 'all', ...grant }) => {
      const sees = grant.role === 'reader' || grant.role === 'exporter';
      return sees && named !== 'all' ? { ...grant, tenants: named } : grant;
    });
}
