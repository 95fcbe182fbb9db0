import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.js';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');

/** The Dockerfile's instructions, one a row: continued lines joined, comments left out. */
function instructions(): string[][] {
  return read('Dockerfile')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]);
}

const ofKind = (kind: string): string[] => instructions().flatMap(([name, rest]) => (name === kind ? [rest!] : []));

describe('the container image', () => {
  it('is made of files that exist and that .dockerignore lets in', () => {
    const ignored = read('.dockerignore').trim().split('\n');
    expect(ignored[0]).to.equal('*');
    const sources = ofKind('COPY')
      .filter((copy) => !copy.startsWith('--from='))
      .flatMap((copy) => copy.split(' ').slice(0, -1));
    expect(sources).to.include.members(['package.json', 'src', 'migrations', 'schemas']);
    for (const source of sources) {
      expect(existsSync(new URL(source, ROOT)), source).to.equal(true);
      expect(ignored, source).to.include(`!${source}`);
    }
  });

  it('copies from stages that there are', () => {
    const stages = ofKind('FROM').map((from) => / AS (\w+)$/.exec(from)?.[1]);
    for (const copy of ofKind('COPY').filter((one) => one.startsWith('--from='))) {
      expect(stages, copy).to.include(/^--from=(\w+) /.exec(copy)?.[1]);
    }
  });

  it('runs scripts that package.json has, and what they build', () => {
    const { scripts, bin } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    for (const [, script] of ofKind('RUN').flatMap((run) => [...run.matchAll(/npm run (\S+)/g)])) {
      expect(scripts).to.have.property(script!);
    }
    expect(JSON.parse(ofKind('CMD').at(-1)!)).to.deep.equal(['node', bin!['millrace'], 'serve']);
  });

  it('does not run as root', () => {
    const names = instructions().map(([name]) => name);
    expect(ofKind('USER')).to.deep.equal(['node']);
    expect(names.lastIndexOf('USER')).to.be.above(names.lastIndexOf('FROM'));
  });

  it('is healthy exactly when /readyz says so', async () => {
    let status = 200;
    const asked: (string | undefined)[] = [];
    const server = createServer((req, res) => {
      asked.push(req.url);
      res.writeHead(status).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const env = { PATH: process.env['PATH'], PORT: String((server.address() as AddressInfo).port) };
    const [, command = ''] = / CMD (\[.*\])$/.exec(ofKind('HEALTHCHECK')[0]!) ?? [];
    const [program = '', ...args] = JSON.parse(command) as string[];
    const check = async (): Promise<number | null> => {
      const child = spawn(program, args, { env, stdio: 'ignore' });
      await once(child, 'exit');
      return child.exitCode;
    };
    expect(await check()).to.equal(0);
    status = 503;
    expect(await check()).to.equal(1);
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
    expect(await check()).to.equal(1);
    expect(asked).to.deep.equal(['/readyz', '/readyz']);
  });
});

describe('docker-compose.yml', () => {
  interface Service {
    image?: string;
    build?: string;
    environment: Record<string, string>;
    read_only?: boolean;
    cap_drop?: string[];
    security_opt?: string[];
    depends_on?: Record<string, { condition: string }>;
    healthcheck?: { test: string[] };
    volumes?: string[];
  }
  const compose = parse(read('docker-compose.yml')) as { services: Record<string, Service>; volumes: object };
  const { millrace, postgres } = compose.services;

  /** As compose fills them in when nothing is set outside. */
  const filled = (values: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')]),
    );

  it('lets the server write nothing, and gives it no right that it does not need', () => {
    expect(millrace).to.deep.include({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
  });

  it('gives the server settings that it understands, and nothing else', () => {
    const config = readConfig(filled(millrace!.environment));
    expect(config).to.include({ publicUrl: 'http://localhost:8080', adminToken: undefined });
    const names = Object.keys(config).map((name) => name.replace(/[A-Z]/g, '_$&').toUpperCase());
    for (const name of Object.keys(millrace!.environment)) expect(names).to.include(name);
    expect(existsSync(fileURLToPath(new URL(`${millrace!.build!}/Dockerfile`, ROOT)))).to.equal(true);
  });

  it('leads the server to the Postgres beside it, once that is ready', () => {
    const { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: database } = filled(postgres!.environment);
    expect(filled(millrace!.environment)['DATABASE_URL']).to.equal(
      `postgresql://${user!}:${password!}@postgres:5432/${database!}`,
    );
    expect(millrace!.depends_on).to.deep.equal({ postgres: { condition: 'service_healthy' } });
    expect(postgres!.healthcheck!.test).to.include.members(['CMD', 'pg_isready']);
    expect(Number(/^postgres:(\d+)$/.exec(postgres!.image!)?.[1])).to.be.at.least(15);
  });

  it('keeps the data in a volume', () => {
    const [name, place] = postgres!.volumes![0]!.split(':');
    expect(compose.volumes).to.have.property(name!);
    expect(place).to.equal('/var/lib/postgresql/data');
  });
});
