import { FeedsError } from '../../core/errors.js';
import type { KeystoneLogin, KeystoneSettings } from '../../core/identity.js';
import type { Logger } from '../../telemetry/logger.js';
import { askService, identityUnavailable } from './ask-service.js';
import type { ServiceAnswer, ServiceQuestion } from './ask-service.js';

/** What Keystone tells of a token. */
export interface KeystoneToken {
  readonly userId: string;
  readonly roles: readonly string[];
  /** Of the project that it is for; undefined: it is for none. */
  readonly projectId: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Identity API v3 of OpenStack, as far as it is needed: who has this token? */
export interface Keystone {
  /** `null`: it is none that is good. Rejects with `unavailable` where Keystone cannot be asked, or did not take our own login. */
  whose(token: string): Promise<KeystoneToken | null>;
}

/** After it was asked in vain nobody asks it for so long: whoever waits for it holds a connection and a turn. */
const REST_MS = 1_000;
const RETRY_SECONDS = 2;
/** Our own token is renewed when so much of its life is over. */
const RENEW_AT = 0.8;

type Settings = Pick<KeystoneSettings, 'url' | 'login' | 'timeoutSeconds'>;

export function makeKeystone(settings: Settings, { logger }: { readonly logger: Logger }): Keystone {
  const { url, login, timeoutSeconds } = settings;
  let own: { readonly token: string; readonly renewAt: number } | undefined;
  let renewing: Promise<string> | undefined;
  let restsUntil = -Infinity;

  async function ask(path: string, question: Omit<ServiceQuestion, 'timeoutSeconds'>): Promise<ServiceAnswer> {
    if (performance.now() < restsUntil) throw identityUnavailable(RETRY_SECONDS);
    try {
      const answer = await askService(url + path, { ...question, timeoutSeconds });
      if (answer.status < 500) return answer;
      throw new Error(`Keystone answered ${String(answer.status)}`);
    } catch (error) {
      throw outage(error);
    }
  }

  function outage(error: unknown): FeedsError {
    restsUntil = performance.now() + REST_MS;
    logger.warn({ err: error, url }, 'Keystone could not be asked whose a token is');
    return identityUnavailable(RETRY_SECONDS);
  }

  /** API: "Password authentication" and "Authenticating with an application credential". */
  async function logIn(): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const { status, headers: told, text } = await ask('/auth/tokens', { method: 'POST', headers, body: bodyOf(login) });
    const token = told.get('x-subject-token');
    if (status !== 201 || token === null) {
      throw outage(new Error(`Keystone answered ${String(status)} to our own login`));
    }
    const now = Date.now();
    own = { token, renewAt: now + (understood(text).expiresAt - now) * RENEW_AT };
    return token;
  }

  function ownToken(): Promise<string> {
    if (own !== undefined && Date.now() < own.renewAt) return Promise.resolve(own.token);
    renewing ??= logIn().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  function understood(text: string): KeystoneToken {
    const told = tokenOf(text);
    if (told === undefined) throw outage(new Error('Keystone tells of a token in a form that is not that of its API'));
    return told;
  }

  /** API: "Validate and show information for token", without the catalog of services. */
  function validate(token: string, shown: string): Promise<ServiceAnswer> {
    return ask('/auth/tokens?nocatalog', { headers: { 'x-auth-token': shown, 'x-subject-token': token } });
  }

  return {
    async whose(token) {
      const shown = await ownToken();
      let answer = await validate(token, shown);
      if (answer.status === 401) {
        // Our own is not taken any more, whatever we were told of its end.
        if (own?.token === shown) own = undefined;
        answer = await validate(token, await ownToken());
      }
      // 400 is for what no token can look like.
      if (answer.status === 404 || answer.status === 400) return null;
      if (answer.status === 200) return understood(answer.text);
      throw outage(new Error(`Keystone answered ${String(answer.status)}: may we validate tokens there?`));
    },
  };
}

function bodyOf(login: KeystoneLogin): string {
  if (login.by === 'application-credential') {
    const { id, secret } = login;
    const identity = { methods: ['application_credential'], application_credential: { id, secret } };
    return JSON.stringify({ auth: { identity } });
  }
  const { user, domain, project, password } = login;
  const named = { name: user, domain: { name: domain }, password };
  const scope =
    project === undefined ? {} : { scope: { project: { name: project.name, domain: { name: project.domain } } } };
  return JSON.stringify({ auth: { identity: { methods: ['password'], password: { user: named } }, ...scope } });
}

interface TokenBody {
  readonly token?: {
    readonly user?: { readonly id?: unknown };
    readonly roles?: readonly { readonly name?: unknown }[];
    readonly project?: { readonly id?: unknown };
    readonly expires_at?: unknown;
  };
}

/** Undefined: it is not as the API says. Roles are absent where the token is for nothing in particular. */
function tokenOf(text: string): KeystoneToken | undefined {
  let body: TokenBody | null;
  try {
    body = JSON.parse(text) as TokenBody | null;
  } catch {
    return undefined;
  }
  const { user, roles = [], project, expires_at: expires } = body?.token ?? {};
  const userId = user?.id;
  const expiresAt = typeof expires === 'string' ? Date.parse(expires) : NaN;
  if (typeof userId !== 'string' || Number.isNaN(expiresAt) || !Array.isArray(roles)) return undefined;
  const names = roles.map((role) => (role as { name?: unknown } | null)?.name);
  return {
    userId,
    roles: names.filter((name) => typeof name === 'string'),
    projectId: typeof project?.id === 'string' ? project.id : undefined,
    expiresAt,
  };
}
