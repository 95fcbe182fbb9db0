import { pino, type DestinationStream } from 'pino';
import { atExit, timestamp } from './logger.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

/** What is told of each request. */
export interface Answered {
  readonly requestId: string;
  /** The address that it came from. */
  readonly client: string;
  /** The pattern of its route, or `none`. */
  readonly route: string;
  readonly method: string;
  /** As it was sent: the secrets that may stand in it are taken out when its line is written. */
  readonly url: string;
  readonly status: number;
  /** When it was answered, in milliseconds since 1970. */
  readonly at: number;
  /** That it took until then. */
  readonly ms: number;
}

export interface AnsweredDeps {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'request' | 'beforeText'>;
  readonly withoutSecrets: (text: string) => string;
}

export interface Teller {
  /** Before long, or when the metrics are read, or the process exits. */
  readonly tell: (answered: Answered) => void;
  /** Tells of those that wait, and from now on at once. */
  readonly stop: () => void;
}

/** Told of together, at most, and how long their URLs may be in all: what is written at once is bounded. */
const MOST = { answers: 256, characters: 32 * 1024 };
/** So long one waits for others, at most. */
const WAIT_MS = 50;
/** What stands in JSON as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/**
 * Counts answered requests and writes the line of each where `logger` writes its lines: one level, known members, no redaction, since this
 * is done for every answer. It is done for many at a time: between two requests, when nothing of it is in the processor's caches, it
 * takes several times as long (docs/performance.md).
 */
export function tellOfAnswered({ logger, metrics, withoutSecrets }: AnsweredDeps): Teller {
  const stream = (logger as unknown as Record<symbol, DestinationStream | undefined>)[pino.symbols.streamSym];
  if (stream === undefined) throw new Error('a pino logger without a stream');
  const isLogged = logger.isLevelEnabled('info');
  let waiting: Answered[] = [];
  let characters = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const tellAll = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const all = waiting;
    waiting = [];
    characters = 0;
    for (const { route, method, status, ms } of all) metrics.request(route, method, status, ms / 1000);
    if (isLogged && all.length > 0) stream.write(all.map(line).join(''));
  };
  metrics.beforeText(tellAll);
  const forget = atExit(tellAll);
  return {
    tell(answered) {
      waiting.push(answered);
      characters += answered.url.length;
      if (waiting.length >= MOST.answers || characters >= MOST.characters || isStopped) tellAll();
      else timer ??= setTimeout(tellAll, WAIT_MS).unref();
    },
    stop() {
      isStopped = true;
      forget();
      tellAll();
    },
  };

  function line({ requestId, client, method, url, status, at, ms }: Answered): string {
    return `{"level":"info"${timestamp(at)},"requestId":${quoted(requestId)},"client":${quoted(client)},"method":"${method}","url":${quoted(withoutSecrets(url))},"status":${String(status)},"ms":${String(Math.round(ms * 1000) / 1000)},"msg":"request"}\n`;
  }
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
