import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buildApp } from './app.js';
import { loadAuthFile } from './auth-file.js';
import { checkEpoch } from './actions/check-epoch.js';
import { startGroupCommit } from './actions/group-commit.js';
import type { GroupCommit } from './actions/group-commit.js';
import { digestOf, makeAdminToken } from './actions/make-admin-token.js';
import { noteTokenUse } from './actions/note-token-use.js';
import { startUsageMeter } from './actions/usage-meter.js';
import { makeAuditFeed } from './actions/make-audit-feed.js';
import { makeDemo } from './actions/make-demo.js';
import { makeMarkerKey } from './actions/make-marker-key.js';
import { settleRates } from './actions/settle-rates.js';
import type { Config } from './config.js';
import { gatherRefusals } from './core/refusals.js';
import { makeExportReceipts } from './core/export-receipt.js';
import { makeExportTokens } from './core/export-token.js';
import { makeSeals } from './core/seal.js';
import { secretsHider } from './core/secrets.js';
import type { WayIn } from './core/access.js';
import type { IdentitySettings, KeystoneSettings } from './core/identity.js';
import { StartError } from './core/start-error.js';
import { urlsFrom } from './core/urls.js';
import { makeRowWriter } from './export/row-writer.js';
import { loadFeedsFile } from './feeds-file.js';
import { WHOLE_BODY_STALLS } from './http/body.js';
import { adminTokenCheck } from './http/auth/admin-token.js';
import { makeAuthenticator } from './http/auth/authenticator.js';
import type { AuthenticatorDeps } from './http/auth/authenticator.js';
import { makeGrantMemory } from './http/auth/grant-memory.js';
import { makeJwks } from './http/auth/jwks.js';
import { makeJwtMemory } from './http/auth/jwt-memory.js';
import { makeKeystoneMemory } from './http/auth/keystone-memory.js';
import { makeKeystone } from './http/auth/keystone.js';
import { makePasswords } from './http/auth/passwords.js';
import { makeTokenMemory } from './http/auth/token-memory.js';
import { makeUserMemory } from './http/auth/user-memory.js';
import { clientAddressBy } from './http/client-address.js';
import { makeLagMemory } from './http/lag-memory.js';
import { KEEP_ALIVE_MS, serverFor } from './http/listen.js';
import type { Listening } from './http/listen.js';
import { makePageCache } from './http/page-cache.js';
import { securityHeaders } from './http/security-headers.js';
import type { Services } from './http/services.js';
import { withLoginLimits } from './http/rates/login-limits.js';
import type { LoginQuotas } from './http/rates/login-limits.js';
import { makeRateLimits } from './http/rates/rate-limits.js';
import type { RateQuotas } from './http/rates/rate-limits.js';
import { startSettlement } from './http/rates/settlement.js';
import { readTlsPair } from './http/tls-pair.js';
import type { TlsFiles, TlsPair } from './http/tls-pair.js';
import { startTlsReload } from './http/tls-reload.js';
import { makeTurns } from './http/turns.js';
import { watchUnanswered } from './http/unanswered.js';
import { closerOfUnused } from './http/unused-connections.js';
import { startCheckers } from './registry/checkers.js';
import { openListener, openPool, openWriter, reader } from './store/db.js';
import { startEmbedded } from './store/embedded.js';
import { startHeadMemory } from './store/head-memory.js';
import { isMigrated, migrate } from './store/migrate.js';
import { keepRecentEntries } from './store/recent-entries.js';
import { tellOfAnswered } from './telemetry/answered.js';
import type { Logger } from './telemetry/logger.js';
import { createMetrics } from './telemetry/metrics.js';
import { targetSecrets } from './core/target-settings.js';
import { makeTarget } from './export/targets/make-target.js';
import { loadTargetsFile } from './targets-file.js';
import { startAudit } from './workers/audit.js';
import { startPush } from './workers/push.js';
import { startRateCleaning } from './workers/rate-cleaning.js';
import { startRetention } from './workers/retention.js';

/** There is one so far; a feed is born into it. */
const PARTITIONS = [0];
const READERS = 10;
const CLOSE_IDLE_MS = 50;
/** Each may be of some megabytes of text, and its tree many times as large. One thread does not get further with more. */
const TREES_AT_ONCE = 2;
/** Bodies are held while they wait, what a page is made of is not. */
const BODIES_WAITING = 50;
const PAGES_WAITING = 1_000;

export interface Running {
  readonly url: string;
  /** Made at this start, and never to be seen again. */
  readonly adminToken: string | undefined;
  /**
   * Takes the certificate from its files again, then applies the feeds file again; rejects where one is wrong, which itself changes nothing
   * then: a certificate that was good before a feeds file that is not has been taken.
   */
  reload(): Promise<void>;
  /** Stops accepting, finishes what was accepted, then stops its own Postgres. */
  stop(): Promise<void>;
}

/**
 * Wires everything together and listens. What was started is stopped again in the opposite order, at the end or when a
 * later part fails. Rejects with a StartError for what a person can mend.
 */
export async function start(config: Config, logger: Logger): Promise<Running> {
  const stops: (() => Promise<unknown>)[] = [];
  const stopAll = async (): Promise<void> => {
    for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
  };
  try {
    return await startUp(config, logger, stops, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function startUp(
  config: Config,
  logger: Logger,
  stops: (() => Promise<unknown>)[],
  stopAll: () => Promise<void>,
): Promise<Running> {
  const tls = await tlsFor(config);
  const identity = await loadAuthFile(config);
  const targetSettings = await loadTargetsFile(config);
  const database = await connection(config, logger, stops);
  await migrate(database);
  const pool = openPool(database, { size: READERS });
  stops.push(() => pool.end());
  const db = reader(pool);

  const memory = await startHeadMemory({
    pool,
    openListener: () => openListener(database),
    logger,
    partitions: PARTITIONS,
    // It is told of a little later: nothing waits for that, and the worker is not there yet.
    checkEpoch: (partition, seen, known) =>
      checkEpoch({ pool, logger, audit: { wake: () => undefined } }, partition, seen, known),
  });
  stops.push(() => memory.stop());
  // What works by itself is told to stop first and waited for last: a database that does not answer holds it up, and others as long.
  let working: Promise<unknown> = Promise.resolve();
  stops.push(() => working);

  const metrics = createMetrics();
  const recent = keepRecentEntries();
  const groupCommits = new Map<number, GroupCommit>();
  for (const partition of PARTITIONS) {
    const groupCommit = startGroupCommit({
      partition,
      open: () => openWriter(database),
      ready: () => memory.ready(),
      logger,
      committed: (tick, stretches, placed) => {
        recent.committed(tick, placed);
        memory.committed(partition, tick, stretches);
      },
      observe: (batch) => {
        metrics.batch(batch);
      },
      queueBytes: config.queueBytes,
    });
    groupCommits.set(partition, groupCommit);
    stops.push(() => groupCommit.stop());
  }
  const groupCommitOf = (partition: number): GroupCommit => {
    const groupCommit = groupCommits.get(partition);
    if (groupCommit === undefined) throw new Error(`no group commit for partition ${String(partition)}`);
    return groupCommit;
  };
  const meter = startUsageMeter({ db, pool, logger });
  stops.push(() => meter.stop());
  const refusals = gatherRefusals();
  const audit = startAudit({ pool, db, groupCommit: groupCommitOf, refusals, logger });
  stops.push(() => audit.stop());
  await makeAuditFeed({ pool, memory, audit });
  const checkers = startCheckers();
  stops.push(() => checkers.stop());
  const rowWriter = makeRowWriter({ ...database, logger });
  stops.push(() => rowWriter.stop());
  const pages = makePageCache(config.pageCacheBytes);
  metrics.watch({
    queueBytes: () => [...groupCommits.values()].reduce((sum, one) => sum + one.waiting.octets, 0),
    pageCacheBytes: () => pages.bytes,
    pool: () => ({ inUse: pool.totalCount - pool.idleCount, open: pool.totalCount, waiting: pool.waitingCount }),
    listening: () => memory.listening,
    exportLags: makeLagMemory(db),
  });

  const { made, sha256 } =
    config.adminToken === undefined
      ? await makeAdminToken({ pool, audit })
      : { made: undefined, sha256: digestOf(config.adminToken) };
  // Whoever can read the data directory can read the whole database: the token there gives nothing more away.
  if (made !== undefined && config.databaseUrl === undefined) {
    await writeFile(join(config.dataDir, 'admin-token'), `${made}\n`, { mode: 0o600 });
  }

  const markerKey = await makeMarkerKey(pool);
  const passwords = makePasswords();
  const isOn = (way: WayIn): boolean => config.auth.includes(way);
  const authenticator = makeAuthenticator({
    isAdminToken: adminTokenCheck(sha256),
    tokens: isOn('token') ? makeTokenMemory({ db, logger, noteUse: (id) => noteTokenUse(pool, id) }) : undefined,
    users: isOn('basic') ? makeUserMemory({ db, passwords }) : undefined,
    ...waysElsewhere(identity, logger),
    granted: makeGrantMemory({ db }),
  });

  const settlement = startSettlement({ settle: (spent) => settleRates(pool, spent), logger });
  stops.push(() => settlement.stop());
  const { tell } = settlement;

  const { feedsFile } = config;
  const applying = { pool, db, memory, checkers, audit };
  if (feedsFile === undefined) await makeDemo(applying);
  else await loadFeedsFile(applying, feedsFile);

  const unanswered = watchUnanswered({
    requestMs: config.requestTimeoutSeconds * 1000,
    bodyMs: config.bodyTimeoutSeconds * 1000 * WHOLE_BODY_STALLS,
    most: config.maxConnections,
    logger,
  });
  stops.push(() => {
    unanswered.stop();
    return Promise.resolve();
  });

  const exportReceipts = makeExportReceipts(markerKey);
  const withoutSecrets = secretsHider([
    ...(config.adminToken === undefined ? [] : [config.adminToken]),
    ...[...targetSettings.values()].flatMap(targetSecrets),
  ]);

  const answered = tellOfAnswered({ logger, metrics, withoutSecrets });
  stops.push(() => {
    answered.stop();
    return Promise.resolve();
  });

  let draining = false;
  const wire = (url: string): Services => ({
    urls: urlsFrom(config.publicUrl ?? url),
    db,
    pool,
    memory,
    recent,
    groupCommit: groupCommitOf,
    meter,
    checkers,
    pages,
    turns: { bodies: makeTurns(TREES_AT_ONCE, BODIES_WAITING), pages: makeTurns(TREES_AT_ONCE, PAGES_WAITING) },
    bodies: { bytes: config.bodyBytesInFlight, inFlight: { bytes: 0 }, stallMs: config.bodyTimeoutSeconds * 1000 },
    logger,
    withoutSecrets,
    metrics,
    answered,
    audit,
    refusals,
    answerRules: {
      headers: securityHeaders(config.publicUrl ?? url),
      stallMs: config.answerTimeoutSeconds * 1000,
    },
    clientAddress: clientAddressBy(config.trustedProxies, config.proxyHeader),
    unanswered,
    passwords,
    seals: makeSeals(markerKey),
    rowWriter,
    exportTokens: makeExportTokens(markerKey),
    exportReceipts,
    targets: [...targetSettings.keys()].sort(),
    authenticator: withLoginLimits(authenticator, { quotas: loginQuotasOf(config), tell, metrics }),
    rates: makeRateLimits({ quotas: rateQuotasOf(config), tell, metrics }),
    corsOrigins: config.corsOrigins,
    draining: () => draining,
    isMigrated: () => isMigrated(pool),
  });

  const listener = await listen(config, logger, tls, wire);
  const { server, url } = listener;
  stops.push(async () => {
    draining = true;
    await close(listener, config.shutdownSeconds);
  });
  const tlsReload = tls === undefined ? undefined : startTlsReload(server as HttpsServer, tls.files, tls.pair, logger);
  stops.push(() => {
    tlsReload?.stop();
    return Promise.resolve();
  });
  const retention = startRetention({ pool, db, memory, metrics, logger }, config.retentionSeconds);
  const cleaning = startRateCleaning({ pool, logger });
  const targets = new Map(
    [...targetSettings].map(([name, settings]) => [name, { kind: settings.kind, target: makeTarget(settings) }]),
  );
  const push = startPush(
    { db, pool, checkers, exportReceipts, metrics, targets, withoutSecrets, logger },
    { timeoutSeconds: config.pushTimeoutSeconds },
  );
  stops.push(() => {
    working = Promise.all([retention.stop(), cleaning.stop(), push.stop()]);
    return Promise.resolve();
  });

  return {
    url,
    adminToken: made,
    reload: async () => {
      await tlsReload?.reload();
      if (feedsFile !== undefined) await loadFeedsFile(applying, feedsFile);
    },
    stop: stopAll,
  };
}

function rateQuotasOf(config: Config): RateQuotas {
  return {
    read: config.rateRead,
    readAnonymous: config.rateReadAnonymous,
    readAddress: config.rateReadAddress,
    publish: config.ratePublish,
    publishAddress: config.ratePublishAddress,
  };
}

function loginQuotasOf(config: Config): LoginQuotas {
  return { failedLogins: config.rateFailedLogins, failedLoginsAddress: config.rateFailedLoginsAddress };
}

function waysElsewhere(
  { jwt, keystone }: IdentitySettings,
  logger: Logger,
): Pick<AuthenticatorDeps, 'jwts' | 'keystone'> {
  const known = (settings: KeystoneSettings): AuthenticatorDeps['keystone'] => ({
    memory: makeKeystoneMemory(settings, { keystone: makeKeystone(settings, { logger }) }),
    publicUrl: settings.publicUrl,
  });
  return {
    jwts: jwt === undefined ? undefined : makeJwtMemory(jwt, { jwks: makeJwks(jwt, { logger }) }),
    keystone: keystone === undefined ? undefined : known(keystone),
  };
}

async function connection(
  config: Config,
  logger: Logger,
  stops: (() => Promise<unknown>)[],
): Promise<{ connectionString: string }> {
  if (config.databaseUrl !== undefined) return { connectionString: config.databaseUrl };
  const postgres = await startEmbedded({ dataDir: config.dataDir, logger });
  stops.push(() => postgres.stop());
  return { connectionString: postgres.connectionString };
}

interface Tls {
  readonly files: TlsFiles;
  readonly pair: TlsPair;
}

async function tlsFor({ tlsCert, tlsKey }: Config): Promise<Tls | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const files = { cert: tlsCert, key: tlsKey };
  return { files, pair: await readTlsPair(files) };
}

interface Listener {
  readonly server: Listening['server'];
  readonly closeUnused: () => void;
  readonly url: string;
}

/** The URL of the server is known when its port is, and the app needs the URL. */
async function listen(
  config: Config,
  logger: Logger,
  tls: Tls | undefined,
  wire: (url: string) => Services,
): Promise<Listener> {
  const { server, attach } = serverFor({
    tls: tls?.pair,
    maxConnections: config.maxConnections,
    requestMs: config.requestTimeoutSeconds * 1000,
    // Longer than a request may wait for its answer, and an answer for its reader: what is left are connections that are dead.
    idleMs: Math.max((config.requestTimeoutSeconds + config.answerTimeoutSeconds) * 1000, KEEP_ALIVE_MS + 1_000),
    logger,
  });
  const closeUnused = closerOfUnused(server);
  server.listen(config.port, config.host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw toStartError(error, config);
  }
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const url = `${tls === undefined ? 'http' : 'https'}://${host}:${String(port)}`;
  attach(buildApp(wire(url)));
  return { server, closeUnused, url };
}

function toStartError(error: unknown, config: Config): unknown {
  const where = `${config.host}:${String(config.port)}`;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    const hint = 'Stop it, or choose another port: PORT=8081 npm start';
    return new StartError(`another program listens on ${where}`, { hint, cause: error });
  }
  if (code === 'EACCES') {
    const hint = 'Ports below 1024 are for root: choose a higher PORT.';
    return new StartError(`this user may not listen on ${where}`, { hint, cause: error });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const hint = 'Set HOST to one of its own, 127.0.0.1 or 0.0.0.0.';
    return new StartError(`this machine has no address ${config.host}`, { hint, cause: error });
  }
  return error;
}

/** Waits until every request that was accepted is answered; what is not by then is cut off. */
async function close({ server, closeUnused }: Listener, seconds: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const idle = setInterval(() => {
    server.closeIdleConnections();
    closeUnused();
  }, CLOSE_IDLE_MS);
  const late = setTimeout(() => {
    server.closeAllConnections();
  }, seconds * 1000);
  await closed;
  clearInterval(idle);
  clearTimeout(late);
}
