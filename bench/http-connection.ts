import { createConnection } from 'node:net';
import type { Socket } from 'node:net';

/** What came back: the status line and headers as text, and the body when it was asked for. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

export interface HttpConnection {
  /** Sends one request as it stands; the next may go when this one is answered. */
  send(request: Buffer, answered: (answer: Answer) => void): void;
  close(): void;
}

const READ_BYTES = 64 * 1024;
const HEAD_END = '\r\n\r\n';

/**
 * A keep-alive connection that speaks just enough HTTP/1.1 for a bench: bodies with Content-Length, one request at a
 * time. An HTTP client proper would take more of the two cores than the server under test.
 */
export function openConnection(
  url: URL,
  options: { bodies: boolean; failed: (error: Error) => void },
): Promise<HttpConnection> {
  let waiting: ((answer: Answer) => void) | undefined;
  let unfinishedHead = '';
  let answer: { status: number; head: string } | undefined;
  let bodyLeft = 0;
  let body: Buffer[] = [];
  let closed = false;

  function take(length: number, buffer: Buffer): boolean {
    let chunk = buffer.subarray(0, length);
    while (chunk.length > 0) {
      if (answer === undefined) {
        const rest = readHead(chunk);
        if (rest === undefined) break;
        chunk = rest;
      } else {
        const taken = Math.min(bodyLeft, chunk.length);
        if (options.bodies) body.push(Buffer.from(chunk.subarray(0, taken)));
        bodyLeft -= taken;
        chunk = chunk.subarray(taken);
      }
      if (bodyLeft === 0) finish();
    }
    return true;
  }

  /** What stands behind the head, or undefined when it has not ended yet. */
  function readHead(chunk: Buffer): Buffer | undefined {
    let end = unfinishedHead === '' ? chunk.indexOf(HEAD_END) : -1;
    let head: string;
    if (unfinishedHead === '' && end >= 0) {
      head = chunk.toString('latin1', 0, end);
    } else {
      const before = unfinishedHead.length;
      unfinishedHead += chunk.toString('latin1');
      end = unfinishedHead.indexOf(HEAD_END);
      if (end < 0) return undefined;
      head = unfinishedHead.slice(0, end);
      end -= before;
      unfinishedHead = '';
    }
    const status = Number(head.slice(9, 12));
    bodyLeft = status === 304 || status === 204 ? 0 : contentLength(head);
    answer = { status, head };
    return chunk.subarray(end + HEAD_END.length);
  }

  function finish(): void {
    const done = waiting;
    const { status, head } = answer ?? { status: 0, head: '' };
    const text = options.bodies ? Buffer.concat(body).toString() : '';
    waiting = undefined;
    answer = undefined;
    body = [];
    done?.({ status, head, body: text });
  }

  return new Promise((resolve, reject) => {
    const socket: Socket = createConnection({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: { buffer: Buffer.allocUnsafe(READ_BYTES), callback: (length, buffer) => take(length, buffer as Buffer) },
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', options.failed);
      socket.on('close', () => {
        if (!closed) options.failed(new Error('the server closed a connection under load'));
      });
      resolve({
        send(request, answered) {
          waiting = answered;
          socket.write(request);
        },
        close() {
          closed = true;
          socket.destroy();
        },
      });
    });
  });
}

function contentLength(head: string): number {
  const digits = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (digits === undefined) throw new Error(`an answer without Content-Length:\n${head}`);
  return Number(digits);
}
