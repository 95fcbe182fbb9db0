import { randomBytes } from 'node:crypto';
import { TENANT_PLACE, UUID_PLACE, entryId, entryTemplate, entryUuid, tenantOf } from './entries.js';
import { GROWN_RUN } from './fill-feed.js';
import { openConnection } from './http-connection.js';
import type { HttpConnection } from './http-connection.js';
import type { GetRequest, HttpJob, Outcome, PublishRequest } from './jobs.js';
import { startTally } from './tally.js';

/** Each connection sends its next request when the one before is answered, until the end; then all are waited for. */
export async function runHttpJob(job: HttpJob): Promise<Outcome> {
  const url = new URL(job.url);
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_resolve, reject) => (fail = reject));
  const connections = await Promise.all(
    Array.from({ length: job.connections }, () => openConnection(url, { bodies: false, failed: fail })),
  );
  try {
    return await Promise.race([failure, drive(job, connections, fail)]);
  } finally {
    for (const connection of connections) connection.close();
  }
}

function drive(job: HttpJob, connections: readonly HttpConnection[], fail: (error: Error) => void): Promise<Outcome> {
  const { until } = job;
  const tally = startTally('seconds' in until ? until.seconds : undefined);
  const deadline = 'seconds' in until ? performance.now() + until.seconds * 1000 : Number.POSITIVE_INFINITY;
  let toSend = 'answers' in until ? until.answers : Number.POSITIVE_INFINITY;
  let open = connections.length;
  const run = randomBytes(4).toString('hex');
  return new Promise((resolve) => {
    connections.forEach((connection, index) => {
      const next = requestMaker(job, index, run);
      let sentAt = 0;
      const send = (): void => {
        sentAt = performance.now();
        if (sentAt >= deadline || toSend <= 0) {
          open -= 1;
          if (open === 0) resolve(tally.outcome());
          return;
        }
        toSend -= 1;
        connection.send(next(), ({ status, head }) => {
          if (status !== job.expect) {
            fail(new Error(`expected ${String(job.expect)}, got\n${head}`));
            return;
          }
          tally.count(performance.now() - sentAt);
          send();
        });
      };
      send();
    });
  });
}

function requestMaker(job: HttpJob, connection: number, run: string): () => Buffer {
  const { host } = new URL(job.url);
  return job.request.method === 'POST' ? publishMaker(job.request, host, connection, run) : getMaker(job.request, host);
}

/** The same bytes again and again but for the id and the tenant. */
export function publishMaker(request: PublishRequest, host: string, connection: number, run: string): () => Buffer {
  const path = request.paths[connection % request.paths.length] ?? '';
  const template = entryTemplate(request.entry ?? 'plain');
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${request.token}`,
    'Content-Type: application/atom+xml;type=entry',
    `Content-Length: ${String(Buffer.byteLength(template))}`,
  ].join('\r\n');
  const bytes = Buffer.from(`${head}\r\n\r\n${template}`);
  const idsAt = placesOf(bytes, UUID_PLACE);
  const tenantsAt = placesOf(bytes, TENANT_PLACE);
  let n = connection * 2 ** 32;
  return () => {
    for (const at of idsAt) bytes.write(entryUuid(run, n), at, 'latin1');
    for (const at of tenantsAt) bytes.write(tenantOf(n), at, 'latin1');
    n += 1;
    return bytes;
  };
}

function placesOf(bytes: Buffer, place: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(place); at >= 0; at = bytes.indexOf(place, at + place.length)) places.push(at);
  return places;
}

function getMaker({ path, headers = {}, varied }: GetRequest, host: string): () => Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = (query: string): Buffer =>
    Buffer.from(`GET ${path}${query} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`);
  if (varied === undefined) {
    const same = request('');
    return () => same;
  }
  const { by, entries } = varied;
  // A whole page is there from any place that is drawn.
  const place = (): number => 26 + Math.floor(Math.random() * (entries - 25));
  return () => {
    switch (by) {
      case 'position':
        return request(`?marker=${String(place())}&direction=backward`);
      case 'entry id':
        return request(`?marker=${entryId(GROWN_RUN, place())}&direction=backward`);
      case 'tenant':
        return request(`?search=%2B${tenantOf(place())}`);
    }
  };
}
