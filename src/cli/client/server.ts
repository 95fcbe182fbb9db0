import { UsageError } from '../command.js';
import { Refusal, Unreachable } from './refusal.js';
import type { Answer } from './refusal.js';

/** A server, and who we are to it. */
export interface Server {
  /** Its base URL, without a trailing slash. */
  readonly url: string;
  /** What is sent as a bearer token; undefined: nothing is. */
  readonly token: string | undefined;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Statuses that are no refusal, beside those of success. */
  readonly also?: readonly number[];
}

/** A publisher may wait twenty seconds for a slow contract, a contract forty to be compared with all others. */
const ANSWER_SECONDS = 90;
/** A page ends at 8 MiB; in JSON, or with many small entries, it is larger. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Of TLS: nothing that another attempt would mend. */
const CERTIFICATE = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_)/;

/** `GET /feeds/…` and the like; the path is behind the server's base URL. @throws Refusal, Unreachable, UsageError */
export async function ask(server: Server, method: string, path: string, asked: Asked = {}): Promise<Answer> {
  const late = AbortSignal.timeout(ANSWER_SECONDS * 1000);
  const { signal = late, also = [] } = asked;
  const headers = headersOf({
    ...(server.token === undefined ? {} : { authorization: `Bearer ${server.token}` }),
    accept: 'application/json',
    ...asked.headers,
  });
  let answer: Answer;
  try {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers,
      body: asked.body ?? null,
      // A token goes where it was meant to, and nowhere else.
      redirect: 'manual',
      signal: AbortSignal.any([signal, late]),
    });
    answer = { status: response.status, headers: response.headers, body: await readBody(response) };
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    if (signal !== late) signal.throwIfAborted();
    throw unreachable(server, error);
  }
  if ((answer.status >= 200 && answer.status < 300) || also.includes(answer.status)) return answer;
  throw new Refusal(answer, `${method} ${path}`);
}

/** The same, JSON both ways. */
export async function askJson<T>(server: Server, method: string, path: string, value?: object, asked: Asked = {}) {
  const body = value === undefined ? {} : { body: JSON.stringify(value) };
  const headers = { ...(value === undefined ? {} : { 'content-type': 'application/json' }), ...asked.headers };
  const answer = await ask(server, method, path, { ...asked, ...body, headers });
  return jsonIn<T>(server, answer);
}

/** The body of an answer; none is an empty object. @throws Unreachable when it is not JSON: no Millrace has sent it */
export function jsonIn<T>({ url }: Server, { body }: Answer): T {
  try {
    return (body === '' ? {} : JSON.parse(body)) as T;
  } catch {
    throw new Unreachable(`${url} is no Millrace: its answer is not JSON`, true, undefined);
  }
}

/** What no header can hold comes from the command line: `fetch` would take it for a failed connection. */
function headersOf(values: Readonly<Record<string, string>>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(values)) {
    try {
      headers.set(name, value);
    } catch {
      throw new UsageError(`"${value.slice(0, 100)}" cannot be sent as ${name}`);
    }
  }
  return headers;
}

async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) {
      throw new Unreachable(`the answer is larger than ${String(MOST_BYTES)} bytes`, true, undefined);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function unreachable({ url }: Server, error: unknown): Unreachable {
  const { name, message, cause } = error as Error;
  if (name === 'TimeoutError') {
    return new Unreachable(`${url} has not answered within ${String(ANSWER_SECONDS)} s`, false, error);
  }
  const { code = '', message: reason = message } = (cause ?? {}) as { code?: string; message?: string };
  // The Fetch standard blocks some ports, those of mail servers for example.
  const isPermanent = CERTIFICATE.test(code) || reason === 'bad port';
  return new Unreachable(`${url} cannot be reached: ${WORDS[code] ?? (reason || message)}`, isPermanent, error);
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'the connection was lost',
  UND_ERR_SOCKET: 'the connection was lost',
  ENOTFOUND: 'there is no host of this name',
  EHOSTUNREACH: 'there is no way to this host',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
};
