import { expect } from 'chai';
import { loadAuthFile } from '../../src/auth-file.js';
import type { IdentitySettings } from '../../src/core/identity.js';
import { StartError } from '../../src/core/start-error.js';
import { writeAuthFile } from '../support/auth-file.js';

const JWT = { issuer: 'https://id.example.org', audience: 'millrace', jwks: { url: 'https://id.example.org/keys' } };
const KEYSTONE = { url: 'https://keystone.example.org/v3/', user: { name: 'millrace' } };

interface Given {
  readonly auth?: readonly ('token' | 'basic' | 'jwt' | 'keystone')[];
  readonly keystonePassword?: string;
}

async function load(
  value: unknown,
  { auth = ['jwt', 'keystone'], keystonePassword }: Given = {},
): Promise<IdentitySettings> {
  const file = await writeAuthFile(value);
  try {
    return await loadAuthFile({ auth, authFile: file.path, keystonePassword });
  } finally {
    await file.remove();
  }
}

async function mistakesOf(value: unknown, given: Given = {}): Promise<string> {
  const error = await load(value, given).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(StartError);
  const { message, hint } = error as StartError;
  expect(hint).to.contain('docs/identity.md');
  return message.split('\n').slice(1).join('\n') || message;
}

describe('the file of AUTH_FILE', () => {
  it('may have URLs in any script: they stand in headers as ASCII', async () => {
    const jwks = { url: 'https://例え.jp/鍵' };
    const urls = { url: 'https://例え.jp/v3/', publicUrl: 'https://例え.jp/öffentlich' };
    const { jwt, keystone } = await load(
      { jwt: { ...JWT, jwks }, keystone: { ...KEYSTONE, ...urls } },
      { keystonePassword: 'hush' },
    );
    expect(jwt?.jwks.url).to.equal('https://xn--r8jz45g.jp/%E9%8D%B5');
    expect(keystone?.url).to.equal('https://xn--r8jz45g.jp/v3');
    expect(keystone?.publicUrl).to.equal('https://xn--r8jz45g.jp/%C3%B6ffentlich');
  });

  it('needs to say little: the rest has defaults', async () => {
    const { jwt, keystone } = await load({ jwt: JWT, keystone: KEYSTONE }, { keystonePassword: 'hush' });
    expect(jwt).to.deep.equal({
      issuer: 'https://id.example.org',
      audiences: ['millrace'],
      jwks: { url: 'https://id.example.org/keys', refreshSeconds: 300, retrySeconds: 10, keepSeconds: 86_400 },
      algorithms: ['RS256'],
      type: undefined,
      clockSkewSeconds: 30,
      timeoutSeconds: 5,
      claims: { roles: undefined, tenants: undefined },
      rules: { everyone: [], roles: new Map() },
    });
    expect(keystone).to.deep.equal({
      url: 'https://keystone.example.org/v3',
      publicUrl: 'https://keystone.example.org/v3/',
      login: { by: 'password', user: 'millrace', domain: 'Default', project: undefined, password: 'hush' },
      cacheSeconds: 300,
      timeoutSeconds: 5,
      rules: { everyone: [], roles: new Map() },
    });
  });

  it('names claims by a path, or by a list where a name has dots', async () => {
    const roles = { claim: 'realm_access.roles', grants: {} };
    const { jwt } = await load(
      { jwt: { ...JWT, roles, tenants: { claim: ['https://a.example/t'] } } },
      { auth: ['jwt'] },
    );
    expect(jwt?.claims).to.deep.equal({ roles: ['realm_access', 'roles'], tenants: ['https://a.example/t'] });
  });

  it('counts for the ways in that are on, each of which it has to speak of', async () => {
    expect(await load({ jwt: JWT }, { auth: ['token'] })).to.deep.equal({});
    expect(await loadAuthFile({ auth: ['token'], authFile: undefined, keystonePassword: undefined })).to.deep.equal({});
    expect(await mistakesOf({ jwt: JWT })).to.match(/AUTH has keystone, of which .* says nothing/);
    const absent = await loadAuthFile({ auth: ['jwt'], authFile: undefined, keystonePassword: undefined }).catch(
      (error: unknown) => (error as StartError).message,
    );
    expect(absent).to.equal('AUTH has jwt, and AUTH_FILE does not say which');
  });

  it('tells of all mistakes at once, by their places', async () => {
    const grants = {
      a: [{ role: 'owner' }],
      b: [{ role: 'admin', tenants: ['t1'] }],
      c: [{ role: 'reader', feed: 'x' }],
    };
    const message = await mistakesOf({
      jwt: { ...JWT, algorithms: ['HS256', 'none'], clockSkew: 5, roles: { claim: 'r', grants } },
      keystone: { ...KEYSTONE, url: 5 },
    });
    for (const place of [
      '/jwt/algorithms/0 is "HS256"',
      '/jwt/algorithms/1 is "none"',
      '/jwt/clockSkew is unknown',
      '/jwt/roles/grants/a/0/role is "owner"',
      '/jwt/roles/grants/b/0/role is "admin", expected reader or exporter',
      '/jwt/roles/grants/c/0/workspace is missing',
      '/keystone/url is 5',
    ]) {
      expect(message).to.contain(place);
    }
  });

  it('tells of all that its form cannot say', async () => {
    const message = await mistakesOf({
      jwt: {
        ...JWT,
        jwks: { url: 'http://id.example.org/keys' },
        everyone: [{ role: 'reader', workspace: 'a/b', project: 'p' }],
      },
      keystone: {
        ...KEYSTONE,
        url: 'ftp://k',
        publicUrl: 'a "b"',
        roles: { grants: { 'x/y': [{ role: 'reader', workspace: 'feeds?' }] } },
      },
    });
    for (const part of [
      '/jwt/jwks/url has to begin with https://',
      '/jwt/everyone/0/workspace "a/b" is no name',
      '/jwt/everyone/0/project is for Keystone only',
      '/keystone/url is no http or https URL',
      '/keystone/publicUrl is no URL',
      '/keystone/user/password is missing, and KEYSTONE_PASSWORD is not set',
      '/keystone/roles/grants/x~1y/0/workspace',
    ]) {
      expect(message).to.contain(part);
    }
  });

  it('takes a URL without TLS to this machine, or where it says so', async () => {
    for (const url of ['http://127.0.0.1:9/k', 'http://localhost/k', 'http://[::1]:8/k']) {
      expect((await load({ jwt: { ...JWT, jwks: { url } } }, { auth: ['jwt'] })).jwt?.jwks.url).to.equal(url);
    }
    const open = { ...JWT, insecure: true, jwks: { url: 'http://id.example.org/keys' } };
    expect((await load({ jwt: open }, { auth: ['jwt'] })).jwt).not.to.equal(undefined);
    for (const url of ['http://127.0.0.1.example.org/k', 'http://localhost.example.org/k', 'http://10.0.0.1/k']) {
      expect(await mistakesOf({ jwt: { ...JWT, jwks: { url } } }, { auth: ['jwt'] })).to.contain('https://');
    }
  });

  it('says who we are in Keystone in one way', async () => {
    const credential = { id: 'c1', secret: 'hush' };
    const { user: _user, ...without } = KEYSTONE;
    const { keystone } = await load(
      { keystone: { ...without, applicationCredential: credential } },
      { auth: ['keystone'] },
    );
    expect(keystone?.login).to.deep.equal({ by: 'application-credential', ...credential });
    for (const wrong of [without, { ...KEYSTONE, applicationCredential: credential }]) {
      const given: Given = { auth: ['keystone'], keystonePassword: 'hush' };
      expect(await mistakesOf({ keystone: wrong }, given)).to.contain('either a user or an applicationCredential');
    }
  });

  it('is never repeated where it is secret', async () => {
    for (const keystone of [
      { ...KEYSTONE, user: { name: 'm', password: 471_147 } },
      { url: KEYSTONE.url, applicationCredential: { id: 'c', secret: { a: 471_147 } } },
    ]) {
      const message = await mistakesOf({ keystone }, { auth: ['keystone'] });
      expect(message).to.contain('(not shown)').and.not.to.contain('471147');
    }
  });

  it('is refused where it is no file, or not well-formed', async () => {
    const absent = await loadAuthFile({
      auth: ['jwt'],
      authFile: '/nowhere/at/all',
      keystonePassword: undefined,
    }).catch((error: unknown) => (error as StartError).message);
    expect(absent).to.contain('AUTH_FILE names /nowhere/at/all, which cannot be read');
    expect(await mistakesOf([])).to.contain('expected an object');
  });
});
