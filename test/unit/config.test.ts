import { expect } from 'chai';
import { resolve } from 'node:path';
import { readClientConfig, readConfig } from '../../src/config.js';
import { StartError } from '../../src/core/start-error.js';

function mistakesOf(environment: Record<string, string>): string {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).to.be.instanceOf(StartError);
    return (error as StartError).message;
  }
  return '';
}

describe('settings', () => {
  it('have defaults that start a server on this machine only', () => {
    expect(readConfig({})).to.deep.equal({
      port: 8080,
      host: '127.0.0.1',
      publicUrl: undefined,
      tlsCert: undefined,
      tlsKey: undefined,
      trustedProxies: [],
      proxyHeader: 'x-forwarded-for',
      databaseUrl: undefined,
      dataDir: resolve('data'),
      adminToken: undefined,
      auth: ['token'],
      authFile: undefined,
      keystonePassword: undefined,
      logLevel: 'info',
      targetsFile: undefined,
      pushTimeoutSeconds: 60,
      feedsFile: undefined,
      corsOrigins: [],
      queueBytes: 67_108_864,
      bodyBytesInFlight: 67_108_864,
      pageCacheBytes: 134_217_728,
      maxConnections: 10_000,
      bodyTimeoutSeconds: 10,
      requestTimeoutSeconds: 60,
      answerTimeoutSeconds: 30,
      shutdownSeconds: 20,
      retentionSeconds: 60,
      rateRead: 0,
      rateReadAnonymous: 0,
      rateReadAddress: 0,
      ratePublish: 0,
      ratePublishAddress: 0,
      rateFailedLogins: 10,
      rateFailedLoginsAddress: 30,
    });
  });

  it('are taken from the environment and cannot be changed afterwards', () => {
    const config = readConfig({
      PORT: '0',
      HOST: '::',
      PUBLIC_URL: 'https://events.example.org/base/',
      TLS_CERT: 'tls/cert.pem',
      TLS_KEY: '/etc/tls/key.pem',
      TRUSTED_PROXIES: 'loopback, 10.0.0.0/8, 2001:db8::1',
      PROXY_HEADER: 'Forwarded',
      DATABASE_URL: 'postgresql://me:secret@db/millrace?sslmode=require',
      DATA_DIR: 'somewhere',
      ADMIN_TOKEN: '0123456789abcdef',
      AUTH: 'Basic, token, JWT, keystone',
      AUTH_FILE: 'auth.yaml',
      KEYSTONE_PASSWORD: 'pass word',
      LOG_LEVEL: 'WARN',
      FEEDS_FILE: 'feeds.yaml',
      CORS_ORIGINS: 'https://a.example, http://localhost:3000',
      QUEUE_BYTES: '2097152',
      SHUTDOWN_SECONDS: '0',
    });
    expect(config).to.include({
      port: 0,
      host: '::',
      publicUrl: 'https://events.example.org/base',
      tlsCert: resolve('tls/cert.pem'),
      tlsKey: '/etc/tls/key.pem',
      proxyHeader: 'forwarded',
      databaseUrl: 'postgresql://me:secret@db/millrace?sslmode=require',
      dataDir: resolve('somewhere'),
      adminToken: '0123456789abcdef',
      authFile: resolve('auth.yaml'),
      keystonePassword: 'pass word',
      logLevel: 'warn',
      feedsFile: resolve('feeds.yaml'),
      queueBytes: 2_097_152,
      shutdownSeconds: 0,
    });
    expect(config.trustedProxies).to.deep.equal(['loopback', '10.0.0.0/8', '2001:db8::1']);
    expect(config.auth).to.deep.equal(['token', 'basic', 'jwt', 'keystone']);
    expect(config.corsOrigins).to.deep.equal(['https://a.example', 'http://localhost:3000']);
    expect(Object.isFrozen(config) && Object.isFrozen(config.corsOrigins)).to.equal(true);
  });

  it('that are empty count as absent', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: ' ', ADMIN_TOKEN: '' })).to.deep.equal(readConfig({}));
  });

  it('that are wrong are all named at once', () => {
    const message = mistakesOf({
      PORT: 'http',
      LOG_LEVEL: 'loud',
      BODY_TIMEOUT_SECONDS: '0',
      DATABASE_URL: 'mysql://x',
    });
    expect(message.split('\n')).to.deep.equal([
      'settings are wrong:',
      '  PORT is "http", expected a whole number from 0 to 65535',
      '  DATABASE_URL is something else (not shown), expected a URL like postgresql://user:password@host:5432/database',
      '  LOG_LEVEL is "loud", expected one of fatal, error, warn, info, debug, trace, silent',
      '  BODY_TIMEOUT_SECONDS is "0", expected a whole number from 1 to 3600',
    ]);
  });

  for (const [name, values] of Object.entries({
    PORT: ['-1', '65536', '80.5', '8080x', '0x50', '1e3'],
    HOST: ['two words', 'http://localhost'],
    PUBLIC_URL: [
      'events.example.org',
      'ftp://example.org',
      'https://example.org/?a',
      'https://example.org/#a',
      'https://me@example.org',
    ],
    DATABASE_URL: ['localhost/millrace', 'postgresql://a b'],
    ADMIN_TOKEN: ['short', 'with spaces in between', 'ä'.repeat(20)],
    AUTH: ['none', 'token;basic', 'token, ldap'],
    CORS_ORIGINS: ['https://a.example/', 'a.example', 'https://a.example,nonsense', 'null'],
    QUEUE_BYTES: ['64MB', '-5', '1048575', '99999999999999999999'],
    TRUSTED_PROXIES: ['0.0.0.0/0', '::/0', 'proxy.example', '10', '10.0.0.0/33', 'loopback, everybody', 'true'],
    PROXY_HEADER: ['x-real-ip', 'x-forwarded-for, forwarded'],
    MAX_CONNECTIONS: ['0', 'many'],
    REQUEST_TIMEOUT_SECONDS: ['0', '3601'],
    ANSWER_TIMEOUT_SECONDS: ['0', '1.5'],
    RETENTION_SECONDS: ['0', '86401', 'daily'],
    RATE_READ: ['-1', '1.5', '100/min', '100000001'],
  })) {
    it(`refuse a wrong ${name}`, () => {
      for (const value of values) expect(mistakesOf({ [name]: value }), value).to.contain(`  ${name} is `);
    });
  }

  it('of TLS are both there or none', () => {
    expect(mistakesOf({ TLS_CERT: 'cert.pem' })).to.contain('  TLS_KEY is not set, expected the file of the key');
    expect(mistakesOf({ TLS_KEY: 'key.pem' })).to.contain('  TLS_CERT is not set, expected the file of the cert');
  });

  it('that are secret are never repeated', () => {
    const message = mistakesOf({ ADMIN_TOKEN: 'hush hush hush hush', DATABASE_URL: 'pg://me:hush@db/x' });
    expect(message).to.contain('ADMIN_TOKEN').and.to.contain('DATABASE_URL').and.not.to.contain('hush');
  });
});

describe('settings of clients', () => {
  it('have defaults that reach a server on this machine, whatever is wrong with its own', () => {
    expect(readClientConfig({ PORT: 'nonsense' })).to.deep.equal({
      millraceUrl: 'http://127.0.0.1:8080',
      millraceToken: undefined,
      dataDir: resolve('data'),
    });
  });

  it('are checked, all at once, and a token is never repeated', () => {
    expect(readClientConfig({ MILLRACE_URL: 'https://a.example/base/' }).millraceUrl).to.equal(
      'https://a.example/base',
    );
    const wrong = (): unknown => readClientConfig({ MILLRACE_URL: 'a.example', MILLRACE_TOKEN: 'hush hush' });
    expect(wrong)
      .to.throw(StartError, 'MILLRACE_URL is "a.example"')
      .with.property('message')
      .that.contains('MILLRACE_TOKEN is something else (not shown)')
      .and.does.not.contain('hush');
  });
});
