import { FeedsError } from '../../core/errors.js';

/** What an identity service has answered. */
export interface ServiceAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface ServiceQuestion {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Until all of the answer has to be there. */
  readonly timeoutSeconds: number;
}

const MOST_BYTES = 512 * 1024;

/**
 * Asks an identity service over HTTP. It is not followed elsewhere: what it would send there are secrets. Rejects when it does not answer in
 * time, or with too much.
 */
export async function askService(url: string, question: ServiceQuestion): Promise<ServiceAnswer> {
  const { method = 'GET', headers = {}, body, timeoutSeconds } = question;
  const response = await fetch(url, {
    method,
    headers: { accept: 'application/json', ...headers },
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutSeconds * 1000),
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, headers: response.headers, text: await textOf(response) };
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > MOST_BYTES) throw new Error(`the answer has more than ${String(MOST_BYTES)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What a caller is told who cannot be known for now: not that its token is bad, which it would throw away. */
export function identityUnavailable(retryAfterSeconds: number): FeedsError {
  const message = 'the service that knows whose token this is does not answer; the token may be good';
  return new FeedsError('unavailable', message, { retryAfterSeconds });
}
