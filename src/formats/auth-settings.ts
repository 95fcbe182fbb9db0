import { createRequire } from 'node:module';
import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type {
  ClaimPath,
  GrantRule,
  GrantRules,
  IdentitySettings,
  JwtSettings,
  KeystoneLogin,
  KeystoneSettings,
} from '../core/identity.js';
import { compileChecks } from './json/checked-json.js';
import { pointerPart } from './json/json-text.js';

const load = createRequire(import.meta.url);
const checks = compileChecks({
  feed: load('../../schemas/api/feed.json') as Record<string, unknown>,
  token: load('../../schemas/api/token.json') as Record<string, unknown>,
  authFile: load('../../schemas/api/auth-file.json') as Record<string, unknown>,
});

interface AuthFile {
  readonly jwt?: JwtSection;
  readonly keystone?: KeystoneSection;
}

interface Section {
  readonly timeoutSeconds?: number;
  readonly insecure?: boolean;
  readonly roles?: { readonly claim?: Claim; readonly grants: Readonly<Record<string, readonly GrantRule[]>> };
  readonly everyone?: readonly GrantRule[];
}

interface JwtSection extends Section {
  readonly issuer: string;
  readonly audience: string | readonly string[];
  readonly jwks: Pick<JwtSettings['jwks'], 'url'> & Partial<JwtSettings['jwks']>;
  readonly algorithms?: readonly string[];
  readonly type?: string;
  readonly clockSkewSeconds?: number;
  readonly tenants?: { readonly claim: Claim };
}

interface KeystoneSection extends Section {
  readonly url: string;
  readonly publicUrl?: string;
  readonly user?: {
    readonly name: string;
    readonly domain?: string;
    readonly password?: string;
    readonly project?: { readonly name: string; readonly domain?: string };
  };
  readonly applicationCredential?: { readonly id: string; readonly secret?: string };
  readonly cacheSeconds?: number;
}

type Claim = string | readonly string[];

const TIMEOUT_SECONDS = 5;
/** Of OpenStack, where there is one domain. */
const DOMAIN = 'Default';

/**
 * schemas/api/auth-file.json, of a value that was read from YAML or JSON, with the password that was given beside it. Throws
 * `invalid-body`, whose violations name every mistake, and repeat no secret.
 */
export function checkAuthFile(value: unknown, keystonePassword?: string): IdentitySettings {
  try {
    checks.authFile(value, 'the file');
  } catch (error) {
    throw error instanceof FeedsError ? withoutSecrets(error) : error;
  }
  const { jwt, keystone } = value as AuthFile;
  const mistakes: Violation[] = [];
  const settings: IdentitySettings = {
    ...(jwt === undefined ? {} : { jwt: toJwt(jwt, mistakes) }),
    ...(keystone === undefined ? {} : { keystone: toKeystone(keystone, keystonePassword, mistakes) }),
  };
  if (mistakes.length > 0) throw new FeedsError('invalid-body', 'the file is wrong', { violations: mistakes });
  return settings;
}

/** Of a password that is no text no message may tell what it is. */
function withoutSecrets(error: FeedsError): FeedsError {
  const violations = (error.details.violations ?? []).map(({ path, message, expected }): Violation => {
    const isSecret = /\/(?:password|secret)$/.test(path);
    return { path, message: isSecret ? `is something else (not shown), expected ${expected ?? 'a text'}` : message };
  });
  return new FeedsError('invalid-body', 'the file is wrong', { violations });
}

function toJwt(section: JwtSection, mistakes: Violation[]): JwtSettings {
  const { issuer, audience, jwks, algorithms, type, clockSkewSeconds, timeoutSeconds, tenants } = section;
  checkUrl(jwks.url, section, '/jwt/jwks/url', mistakes);
  const rules = toRules(section, '/jwt', mistakes);
  for (const { rule, path } of placed(section, '/jwt')) {
    if (rule.project !== undefined) mistakes.push({ path: `${path}/project`, message: 'is for Keystone only' });
  }
  return {
    issuer,
    audiences: typeof audience === 'string' ? [audience] : audience,
    jwks: { refreshSeconds: 300, retrySeconds: 10, keepSeconds: 86_400, ...jwks, url: inAscii(jwks.url) },
    algorithms: algorithms ?? ['RS256'],
    type,
    clockSkewSeconds: clockSkewSeconds ?? 30,
    timeoutSeconds: timeoutSeconds ?? TIMEOUT_SECONDS,
    claims: { roles: toPath(section.roles?.claim), tenants: toPath(tenants?.claim) },
    rules,
  };
}

function toKeystone(section: KeystoneSection, given: string | undefined, mistakes: Violation[]): KeystoneSettings {
  const { url, publicUrl = url, cacheSeconds, timeoutSeconds } = section;
  checkUrl(url, section, '/keystone/url', mistakes);
  if (!URL.canParse(publicUrl) || /["\s]/.test(publicUrl)) {
    mistakes.push({ path: '/keystone/publicUrl', message: 'is no URL' });
  }
  return {
    url: inAscii(url).replace(/\/+$/, ''),
    publicUrl: inAscii(publicUrl),
    login: toLogin(section, given, mistakes),
    cacheSeconds: cacheSeconds ?? 300,
    timeoutSeconds: timeoutSeconds ?? TIMEOUT_SECONDS,
    rules: toRules(section, '/keystone', mistakes),
  };
}

function toLogin(section: KeystoneSection, given: string | undefined, mistakes: Violation[]): KeystoneLogin {
  const { user, applicationCredential: credential } = section;
  if ((user === undefined) === (credential === undefined)) {
    mistakes.push({ path: '/keystone', message: 'needs either a user or an applicationCredential' });
  }
  const secret = (path: string, inFile: string | undefined): string => {
    const found = given ?? inFile;
    if (found === undefined) mistakes.push({ path, message: 'is missing, and KEYSTONE_PASSWORD is not set' });
    return found ?? '';
  };
  if (credential !== undefined) {
    const { id } = credential;
    const path = '/keystone/applicationCredential/secret';
    return { by: 'application-credential', id, secret: secret(path, credential.secret) };
  }
  const { name = '', domain = DOMAIN, project } = user ?? {};
  return {
    by: 'password',
    user: name,
    domain,
    project: project === undefined ? undefined : { domain: DOMAIN, ...project },
    password: user === undefined ? '' : secret('/keystone/user/password', user.password),
  };
}

/** Keys and tokens go over it: whoever can change what it says lets in whom they like. */
function checkUrl(text: string, { insecure }: Section, path: string, mistakes: Violation[]): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.hash !== '') {
    mistakes.push({ path, message: 'is no http or https URL without user and fragment' });
  } else if (url.protocol === 'http:' && insecure !== true && !isLoopback(url.hostname)) {
    mistakes.push({ path, message: `has to begin with https:// (or say "insecure: true" beside it)` });
  }
}

/** As it may stand in a header, whatever script it is written in. What is no URL was complained of already. */
function inAscii(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function toRules(section: Section, path: string, mistakes: Violation[]): GrantRules {
  for (const { rule, path: at } of placed(section, path)) {
    for (const kind of ['workspace', 'feed'] as const) {
      const name = rule[kind];
      if (name === undefined) continue;
      try {
        checkName(kind, name);
      } catch (error) {
        mistakes.push({ path: `${at}/${kind}`, message: (error as FeedsError).message });
      }
    }
  }
  return { everyone: section.everyone ?? [], roles: new Map(Object.entries(section.roles?.grants ?? {})) };
}

/** All its rules, each with its place in the file. */
function placed(section: Section, path: string): { readonly rule: GrantRule; readonly path: string }[] {
  const lists = [
    { at: `${path}/everyone`, rules: section.everyone ?? [] },
    ...Object.entries(section.roles?.grants ?? {}).map(([role, rules]) => ({
      at: `${path}/roles/grants${pointerPart(role)}`,
      rules,
    })),
  ];
  return lists.flatMap(({ at, rules }) => rules.map((rule, index) => ({ rule, path: `${at}/${String(index)}` })));
}

function toPath(claim: Claim | undefined): ClaimPath | undefined {
  return typeof claim === 'string' ? claim.split('.') : claim;
}
