import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnection } from './http-connection.js';
import type { Answer, HttpConnection } from './http-connection.js';
import { ID_PLACE } from './entries.js';
import { publishMaker } from './http-load.js';
import type { Outcome, ProbeJob } from './jobs.js';
import { startTally } from './tally.js';

/** Between two publishes, at least; at most twice as long. */
const PAUSE_MS = 4;

/**
 * From the moment that an entry is sent to the moment that a poller has it. The poller follows `previous` and asks again
 * with its ETag when it was told that there is nothing new, at once or after the job's pause.
 */
export async function runProbe(job: ProbeJob): Promise<Outcome> {
  const url = new URL(job.url);
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_resolve, reject) => (fail = reject));
  const open = (): Promise<HttpConnection> => openConnection(url, { bodies: true, failed: fail });
  const [publisher, poller] = [await open(), await open()];
  let polling = true;
  let seen: ((id: string) => void) | undefined;

  async function poll(): Promise<void> {
    let place = previousOf(await ask(poller, get(url, job.path)));
    let tag = '';
    while (polling) {
      const answer = await ask(poller, get(url, place, tag));
      if (answer.status === 304) {
        if (job.pauseMs > 0) await sleep(job.pauseMs);
        continue;
      }
      if (answer.status !== 200) throw new Error(`a poll was answered\n${answer.head}\n${answer.body}`);
      for (const [, id] of answer.body.matchAll(/<atom:id>([^<]+)</g)) seen?.(id ?? '');
      place = previousOf(answer);
      tag = headerOf(answer, 'etag');
    }
  }

  async function publish(): Promise<Outcome> {
    const next = publishMaker(
      { method: 'POST', paths: [job.path], token: job.token },
      url.host,
      0,
      randomBytes(4).toString('hex'),
    );
    await sleep(PAUSE_MS * 10);
    const tally = startTally(job.seconds);
    const end = performance.now() + job.seconds * 1000;
    while (performance.now() < end) {
      const bytes = next();
      const at = bytes.indexOf('<atom:id>') + '<atom:id>'.length;
      const id = bytes.toString('latin1', at, at + ID_PLACE.length);
      const sentAt = performance.now();
      const visible = new Promise<number>((resolve) => {
        seen = (found) => {
          if (found === id) resolve(performance.now() - sentAt);
        };
      });
      const acknowledged = ask(publisher, bytes);
      const { status, head } = await acknowledged;
      if (status !== 201) throw new Error(`expected 201, got\n${head}`);
      tally.count(await visible);
      await sleep(PAUSE_MS + Math.random() * PAUSE_MS);
    }
    polling = false;
    return tally.outcome();
  }

  try {
    const [outcome] = await Promise.race([failure, Promise.all([publish(), poll()])]);
    return outcome;
  } finally {
    polling = false;
    publisher.close();
    poller.close();
  }
}

function ask(connection: HttpConnection, request: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    connection.send(request, resolve);
  });
}

function get(url: URL, path: string, tag = ''): Buffer {
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\n${tag === '' ? '' : `If-None-Match: ${tag}\r\n`}\r\n`,
  );
}

function headerOf({ head }: Answer, name: string): string {
  return new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)?.[1] ?? '';
}

/** RFC 5005 §3: where newer entries will be. */
function previousOf(answer: Answer): string {
  const href = /<([^>]+)>; rel="previous"/.exec(headerOf(answer, 'link'))?.[1];
  if (href === undefined) throw new Error(`a page without a link to newer entries:\n${answer.head}`);
  const { pathname, search } = new URL(href);
  return pathname + search;
}
