import { ADMIN_TOKEN } from './app.js';

export const ENTRY_TYPE = 'application/atom+xml;type=entry';
export const FEED_TYPE = 'application/atom+xml;type=feed';
const ATOM = 'http://www.w3.org/2005/Atom';

/** A valid entry: what matters is its id, its content and its categories. */
export function entryXml(id: string, content = 'x', terms: readonly string[] = []): string {
  return `<entry xmlns="${ATOM}">${entryInside(id, content, terms)}</entry>`;
}

/** A feed document to be published as one batch; its entries inherit nothing, so that each is the same as alone. */
export function feedXml(entries: readonly { id: string; content?: string; terms?: readonly string[] }[]): string {
  const inside = entries.map(
    ({ id, content = 'x', terms = [] }) => `<entry>${entryInside(id, content, terms)}</entry>`,
  );
  return `<feed xmlns="${ATOM}"><id>urn:x:batch</id><title>batch</title><updated>2026-01-01T00:00:00Z</updated>${inside.join('')}</feed>`;
}

function entryInside(id: string, content: string, terms: readonly string[]): string {
  const categories = terms.map((term) => `<category term="${term}"/>`).join('');
  return `<id>${id}</id><title>t</title><updated>2026-01-01T00:00:00Z</updated>${categories}<content>${content}</content>`;
}

export interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly location: string;
  readonly replayed: boolean;
  readonly retryAfter: string | null;
  readonly body: string;
  readonly seconds: number;
}

/** POSTs a document; an answer that does not come is status 0. */
export async function publish(
  url: string,
  body: string,
  options: { type?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const since = performance.now();
  const seconds = (): number => (performance.now() - since) / 1000;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        'content-type': options.type ?? ENTRY_TYPE,
        ...options.headers,
      },
      body,
    });
    return {
      status: response.status,
      location: pathOf(response.headers.get('location')),
      replayed: response.headers.get('idempotent-replayed') === 'true',
      retryAfter: response.headers.get('retry-after'),
      body: await response.text(),
      seconds: seconds(),
    };
  } catch {
    return { status: 0, location: '', replayed: false, retryAfter: null, body: '', seconds: seconds() };
  }
}

/** Two nodes have two base URLs. */
function pathOf(url: string | null): string {
  return url === null || url === '' ? '' : new URL(url).pathname;
}

export interface Publishers {
  /** id → answer, of all that were answered 201. */
  readonly published: ReadonlyMap<string, Answer>;
  /** id → the last answer, of all that were not. */
  readonly failed: ReadonlyMap<string, Answer>;
  /** Seconds that the slowest publish took. */
  readonly slowest: number;
  stop(): Promise<void>;
}

/** `count` publishers at once, each sending one entry after the other to `url()` until told to stop. */
export function startPublishers(
  count: number,
  name: string,
  url: (id: string) => string,
  options: { content?: string; once?: number; pauseMs?: number } = {},
): Publishers {
  const published = new Map<string, Answer>();
  const failed = new Map<string, Answer>();
  let slowest = 0;
  let stopped = false;
  const running = Array.from({ length: count }, async (_, publisher) => {
    for (let n = 1; !stopped && n <= (options.once ?? Infinity); n++) {
      const id = `urn:x:${name}:${String(publisher)}:${String(n)}`;
      const answer = await publish(url(id), entryXml(id, options.content ?? id));
      slowest = Math.max(slowest, answer.seconds);
      (answer.status === 201 ? published : failed).set(id, answer);
      // A node that is away, or whose Postgres is, answers at once.
      const pauseMs = answer.status === 201 ? options.pauseMs : 50;
      if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  });
  return {
    published,
    failed,
    get slowest() {
      return slowest;
    },
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}
