import { randomUUID } from 'node:crypto';
import { bodyOf, startFakeServer } from './fake-server.js';
import type { FakeServer } from './fake-server.js';

interface Issued {
  readonly user: string;
  readonly roles: readonly string[];
  readonly project: string | undefined;
  readonly expiresAt: number;
}

/** As much of a Keystone (Identity API v3 of OpenStack) as there is to be asked whose a token is. */
export interface FakeKeystone extends Pick<FakeServer, 'behave' | 'stop'> {
  readonly url: string;
  /** How often it was asked whose a token is, and by a login for a token. */
  readonly asked: () => { readonly validations: number; readonly logins: number };
  /** A token of a user. */
  issue(token: Partial<Omit<Issued, 'expiresAt'>> & { readonly seconds?: number }): string;
  revoke(token: string): void;
  /** Forgets the tokens of services, which it gave for a login. */
  forgetServices(): void;
  /** What the next logins have to say. */
  expectLogin(auth: unknown): void;
  /** For how long services are logged in. */
  serviceSeconds: number;
}

export const SERVICE_PASSWORD = 'hush-service-password';
/** What a service says that logs in as AUTH_FILE tells it to in tests. */
const LOGIN = {
  identity: {
    methods: ['password'],
    password: { user: { name: 'millrace', domain: { name: 'Default' }, password: SERVICE_PASSWORD } },
  },
};

export async function startKeystone(): Promise<FakeKeystone> {
  const tokens = new Map<string, Issued>();
  let services = new Map<string, number>();
  let login: unknown = LOGIN;
  const asked = { validations: 0, logins: 0 };

  const server = await startFakeServer(async (req, res) => {
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    const failed = (code: number): void => {
      answer(code, { error: { code, title: 'failed' } });
    };
    if (req.method === 'POST' && req.url === '/v3/auth/tokens') {
      asked.logins += 1;
      const { auth } = JSON.parse(await bodyOf(req)) as { auth: unknown };
      if (JSON.stringify(auth) !== JSON.stringify(login)) {
        failed(401);
        return;
      }
      const token = `service-${randomUUID()}`;
      const expiresAt = Date.now() + keystone.serviceSeconds * 1000;
      services.set(token, expiresAt);
      answer(201, told({ user: 'service', roles: ['service'], project: 'p0', expiresAt }), {
        'x-subject-token': token,
      });
    } else if (req.method === 'GET' && req.url === '/v3/auth/tokens?nocatalog') {
      asked.validations += 1;
      const { 'x-auth-token': own = '', 'x-subject-token': subject = '' } = req.headers;
      if (!(Date.now() < (services.get(String(own)) ?? 0))) {
        failed(401);
        return;
      }
      const found = tokens.get(String(subject));
      if (found === undefined || found.expiresAt <= Date.now()) failed(404);
      else answer(200, told(found));
    } else {
      failed(405);
    }
  });

  const keystone: FakeKeystone = {
    url: `${server.url}/v3`,
    behave: server.behave,
    stop: server.stop,
    asked: () => ({ ...asked }),
    serviceSeconds: 3600,
    issue({ user = randomUUID(), roles = [], project, seconds = 3600 }) {
      const token = `gAAAAA${randomUUID()}`;
      tokens.set(token, { user, roles, project, expiresAt: Date.now() + seconds * 1000 });
      return token;
    },
    revoke(token) {
      tokens.delete(token);
    },
    forgetServices() {
      services = new Map();
    },
    expectLogin(auth) {
      login = auth;
    },
  };
  return keystone;
}

function told({ user, roles, project, expiresAt }: Issued): object {
  return {
    token: {
      methods: ['password'],
      user: { id: user, name: 'somebody', domain: { id: 'default', name: 'Default' } },
      roles: roles.map((name) => ({ id: randomUUID(), name })),
      ...(project === undefined ? {} : { project: { id: project, name: 'a project' } }),
      expires_at: new Date(expiresAt).toISOString(),
      issued_at: new Date().toISOString(),
    },
  };
}
