import type { Server } from 'node:https';
import type { Logger } from '../telemetry/logger.js';
import { TLS_OPTIONS, readTlsPair } from './tls-pair.js';
import type { TlsFiles, TlsPair } from './tls-pair.js';

/** Keeps the certificate of a server that of the files. */
export interface TlsReload {
  /** Now. Rejects with a StartError when the files are no good; then the server goes on with what it has. */
  reload(): Promise<void>;
  stop(): void;
}

/** Two small files; a change of a mounted secret moves links, of which no watcher hears reliably. */
const LOOK_MS = 2_000;

/**
 * Looks into the files every two seconds, and gives the server what is new in them. Connections that are open go on as they are.
 * A pair that is no good changes nothing and is logged, once it has been so for two looks: it may be half replaced.
 */
export function startTlsReload(server: Server, files: TlsFiles, first: TlsPair, logger: Logger): TlsReload {
  let now = first;
  let wrong = { message: '', times: 0 };
  warnOfAge(first);
  const timer = setInterval(() => void look(), LOOK_MS);
  timer.unref();

  async function reload(): Promise<void> {
    const pair = await readTlsPair(files);
    wrong = { message: '', times: 0 };
    if (pair.cert.equals(now.cert) && pair.key.equals(now.key)) return;
    now = pair;
    server.setSecureContext({ ...TLS_OPTIONS, cert: pair.cert, key: pair.key });
    logger.info({ goodUntil: pair.goodUntil }, 'the certificate was replaced');
    warnOfAge(pair);
  }

  async function look(): Promise<void> {
    try {
      await reload();
    } catch (error) {
      const { message } = error as Error;
      wrong = { message, times: message === wrong.message ? wrong.times + 1 : 1 };
      if (wrong.times === 2) logger.error({ err: error }, 'the certificate was not replaced; the one before stays');
    }
  }

  function warnOfAge({ goodUntil }: TlsPair): void {
    if (goodUntil.getTime() < Date.now()) logger.warn({ goodUntil }, 'the certificate has expired');
  }

  return {
    reload,
    stop: () => {
      clearInterval(timer);
    },
  };
}
