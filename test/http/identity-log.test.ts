import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeAuthFile } from '../support/auth-file.js';
import { createDatabase } from '../support/database.js';
import { makeKey, startIssuer } from '../support/issuer.js';
import { startKeystone } from '../support/keystone.js';
import { startNode } from '../support/node-process.js';

/** Keys and tokens are asked for again, after one of them was asked for. */
const AGAIN_SECONDS = 0.1;
const PASSWORD = 'hush-service-password';

describe('the log of a server with an identity service', function () {
  this.timeout(60_000);

  it('tells of outages, and holds no token and no password', async () => {
    const [database, issuer, keystone] = [await createDatabase(), await startIssuer(), await startKeystone()];
    const jwt = {
      issuer: issuer.url,
      audience: 'millrace',
      jwks: { url: issuer.jwksUrl, retrySeconds: AGAIN_SECONDS },
    };
    const user = { name: 'millrace' };
    const file = await writeAuthFile({
      jwt: { ...jwt, algorithms: ['ES256'] },
      keystone: { url: keystone.url, user, cacheSeconds: AGAIN_SECONDS },
    });
    const node = await startNode({
      DATABASE_URL: database.url,
      AUTH: 'token,jwt,keystone',
      AUTH_FILE: file.path,
      KEYSTONE_PASSWORD: PASSWORD,
      LOG_LEVEL: 'trace',
    });
    const secrets = [PASSWORD];
    try {
      const ask = async (headers: Record<string, string>, path = '/feeds'): Promise<void> => {
        await (await fetch(node.url + path, { headers })).arrayBuffer();
      };
      for (const behaviour of ['up', 'failing', 'away'] as const) {
        issuer.behave(behaviour);
        keystone.behave(behaviour);
        await sleep(2 * AGAIN_SECONDS * 1000);
        const token = keystone.issue({ user: 'u1' });
        const tokens = [await issuer.sign(), await issuer.sign({}, { key: await makeKey() })];
        secrets.push(token, ...tokens.map((one) => one.split('.')[2] ?? ''));
        for (const one of tokens) {
          await ask({ authorization: `Bearer ${one}` });
          await ask({}, `/feeds/demo/events?access_token=${one}`);
        }
        await ask({ 'x-auth-token': token });
      }
    } finally {
      await node.stop();
      await Promise.all([issuer.stop(), keystone.stop(), file.remove(), database.drop()]);
    }
    const output = node.output();
    expect(output).to.contain('the keys of the issuer').and.contain('Keystone could not be asked');
    expect(output.match(/service-[0-9a-f-]{30}/), 'the token of our own').to.equal(null);
    for (const secret of secrets) expect(output.includes(secret), secret).to.equal(false);
  });
});
