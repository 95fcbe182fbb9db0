import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../telemetry/logger.js';

/** What is on the wire is no HTTP, or not in time: by node's code for it (RFC 9110 §15.5, RFC 6585 §5). */
const STATUS_BY_CODE: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);

/** As node's own handler looks at it: the answer whose turn it is on this connection. */
interface Connection extends Duplex {
  readonly _httpMessage?: Pick<ServerResponse, 'headersSent' | 'req'> | null;
}

/**
 * Answers what cannot be understood, and closes the connection. Says nothing of what was sent, and logs nothing of it: there may be a
 * token in it. Without a word it is closed where TLS was not agreed on, and where a request from before still waits for its answer: it
 * would take this for it.
 */
export function answerWireErrors(logger: Logger): (error: NodeJS.ErrnoException, socket: Connection) => void {
  return (error, socket) => {
    const code = error.code ?? 'unknown';
    logger.debug({ code }, 'a connection was closed: nothing that could be understood came, or not in time');
    const status = STATUS_BY_CODE.get(code) ?? (code.startsWith('HPE_') ? 400 : undefined);
    const { _httpMessage: answer } = socket;
    const isOfAnother = answer !== null && answer !== undefined && (answer.headersSent || answer.req.complete);
    if (status === undefined || !socket.writable || isOfAnother) socket.destroy();
    else socket.end(answerOf(status), () => socket.destroy());
  };
}

/** A problem of no kind but its status (RFC 9457 §4.2.1). */
function answerOf(status: number): string {
  const title = STATUS_CODES[status] ?? '';
  const body = JSON.stringify({ type: 'about:blank', title, status });
  return [
    `HTTP/1.1 ${String(status)} ${title}`,
    'connection: close',
    'content-type: application/problem+json',
    `content-length: ${String(body.length)}`,
    'x-content-type-options: nosniff',
    'cache-control: no-store',
    '',
    body,
  ].join('\r\n');
}
