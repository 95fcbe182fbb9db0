import { randomUUID } from 'node:crypto';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey, JWK, JWTHeaderParameters } from 'jose';
import { startFakeServer } from './fake-server.js';
import type { FakeServer } from './fake-server.js';

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** An issuer of JWTs: it signs them, and serves its keys at `jwksUrl`. */
export interface Issuer extends Pick<FakeServer, 'requests' | 'behave' | 'stop'> {
  readonly url: string;
  readonly jwksUrl: string;
  readonly key: () => SigningKey;
  /** From now on it serves and signs with these keys alone; without any, with a new one. */
  rotate(...keys: SigningKey[]): Promise<void>;
  /** Serves these as they are. */
  serve(jwks: unknown): void;
  /** A token for `millrace`, good for an hour, with these claims in it; `undefined` leaves one out. */
  sign(
    claims?: Record<string, unknown>,
    more?: { readonly key?: SigningKey; readonly header?: Partial<JWTHeaderParameters> },
  ): Promise<string>;
}

export async function makeKey(alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = randomUUID();
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export async function startIssuer(): Promise<Issuer> {
  let keys = [await makeKey()];
  let served: unknown;
  const server = await startFakeServer((_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify(served ?? { keys: keys.map(({ jwk }) => jwk) }));
  });
  const key = (): SigningKey => {
    const [first] = keys;
    if (first === undefined) throw new Error('an issuer without keys');
    return first;
  };
  return {
    url: server.url,
    jwksUrl: `${server.url}/jwks`,
    requests: server.requests,
    behave: server.behave,
    stop: server.stop,
    key,
    async rotate(...others) {
      keys = others.length === 0 ? [await makeKey()] : others;
      served = undefined;
    },
    serve(jwks) {
      served = jwks;
    },
    sign(claims = {}, { key: { kid, alg, privateKey } = key(), header = {} } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: server.url, aud: 'millrace', sub: 'alice', iat: now, exp: now + 3600, ...claims };
      return new SignJWT(payload).setProtectedHeader({ alg, kid, typ: 'JWT', ...header }).sign(privateKey);
    },
  };
}
