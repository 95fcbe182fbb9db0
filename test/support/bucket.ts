import S3rver from '@20minutes/s3rver';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { S3Target } from '../../src/core/target-settings.js';

/** What becomes of a request: it never reaches the bucket, or only its answer is lost. */
export type Fault = 'hang' | 'cut' | 'lose the answer' | { readonly status: number; readonly body: string };

export interface TestBucket {
  readonly settings: S3Target;
  /** `PUT feed=a%2Fb/date=2026-11-22/part-1.parquet`, as they came in; with `?part`, `?begin`, `?complete`, `?abort` of an upload in pieces. */
  readonly requests: string[];
  /** Asked for each request; undefined: nothing is wrong with it. */
  fail(fault: (request: string) => Fault | undefined): void;
  /** The names of all objects. */
  keys(): Promise<string[]>;
  get(key: string): Promise<Buffer>;
  /** Into a directory, as its files. */
  download(directory: string): Promise<void>;
  stop(): Promise<void>;
}

const NAME = 'lake';
const REGION = 'eu-central-1';
/** s3rver's own. */
const SECRET = 'S3RVER';
/** Under which s3rver keeps an object. */
const SUFFIX = '._S3rver_object';

/**
 * A server that speaks S3, checks signatures, and fails as it is told.
 * @param style where the bucket is named: in the path, or in the host below `s3.localhost`
 */
export async function startBucket(style: 'path' | 'host' = 'path'): Promise<TestBucket> {
  const kept = await mkdtemp(join(tmpdir(), 'millrace-bucket-'));
  // Of a bucket in the host s3rver takes signatures for wrong that are right: it puts the bucket before what was signed.
  const allowMismatchedSignatures = style === 'host';
  const options = { silent: true, serviceEndpoint: 'localhost', vhostBuckets: false, allowMismatchedSignatures };
  const s3 = new S3rver({ ...options, directory: kept, configureBuckets: [{ name: NAME }] });
  await s3.configureBuckets();
  const answer = s3.callback();
  const requests: string[] = [];
  let faultOf: (request: string) => Fault | undefined = () => undefined;

  const server = createServer((req, res) => {
    const request = toldAs(req);
    requests.push(request);
    const fault = req.headers.authorization === undefined ? undefined : (wrongIn(req) ?? faultOf(request));
    if (fault === 'hang') return;
    if (fault === 'cut') {
      // In the middle of its body, if it has one.
      if (req.method === 'PUT') req.once('data', () => req.socket.destroy());
      else req.socket.destroy();
    } else if (fault === 'lose the answer') {
      lose(req, res);
      answer(req, res);
    } else if (fault !== undefined) {
      req.resume();
      res.writeHead(fault.status, { 'content-type': 'application/xml' }).end(fault.body);
    } else {
      answer(req, res);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = String((server.address() as AddressInfo).port);
  const endpoint = `http://${style === 'path' ? '127.0.0.1' : 's3.localhost'}:${port}`;

  async function keys(): Promise<string[]> {
    const within = join(kept, NAME);
    const names = await readdir(within, { recursive: true });
    return names.flatMap((name) => (name.endsWith(SUFFIX) ? [name.slice(0, -SUFFIX.length)] : [])).sort();
  }

  async function get(key: string): Promise<Buffer> {
    const found = await fetch(`http://127.0.0.1:${port}/${NAME}/${key.split('/').map(encodeURIComponent).join('/')}`);
    if (!found.ok) throw new Error(`${String(found.status)} ${key}`);
    return Buffer.from(await found.arrayBuffer());
  }

  return {
    settings: {
      kind: 's3',
      endpoint,
      region: REGION,
      bucket: NAME,
      prefix: '',
      accessKeyId: 'S3RVER',
      secretAccessKey: SECRET,
      pathStyle: style === 'path',
    },
    requests,
    fail(fault) {
      faultOf = fault;
    },
    keys,
    get,
    async download(directory) {
      for (const key of await keys()) {
        const path = join(directory, key);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, await get(key));
      }
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await rm(kept, { recursive: true });
    },
  };
}

function toldAs(req: IncomingMessage): string {
  const { pathname, searchParams } = new URL(req.url ?? '', 'http://bucket');
  const key = decodeURIComponent(pathname.replace(new RegExp(`^/${NAME}/`), '').replace(/^\//, ''));
  const step = searchParams.has('partNumber')
    ? '?part'
    : searchParams.has('uploads')
      ? '?begin'
      : searchParams.has('uploadId')
        ? req.method === 'DELETE'
          ? '?abort'
          : '?complete'
        : '';
  return `${String(req.method)} ${key}${step}`;
}

function lose(req: IncomingMessage, res: ServerResponse): void {
  res.end = ((): ServerResponse => {
    req.socket.destroy();
    return res;
  }) as typeof res.end;
}

/**
 * What is signed is the path as it was sent, and not what another way of writing would make of it; s3rver knows the name alone.
 * AWS, "Create a signed AWS API request".
 */
function wrongIn(req: IncomingMessage): Fault | undefined {
  const [, day = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=S3RVER\/(\d{8})\/eu-central-1\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
      req.headers.authorization ?? '',
    ) ?? [];
  const [path = '', query = ''] = (req.url ?? '').split('?');
  const headerOf = (name: string): string => String(req.headers[name]).trim();
  const canonical = [
    req.method,
    path,
    query.split('&').sort().join('&'),
    ...names.split(';').map((name) => `${name}:${headerOf(name)}`),
    '',
    names,
    headerOf('x-amz-content-sha256'),
  ].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const signed = `AWS4-HMAC-SHA256\n${headerOf('x-amz-date')}\n${day}/${REGION}/s3/aws4_request\n${digest}`;
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = [day, REGION, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${SECRET}`);
  if (hmac(key, signed).toString('hex') === signature) return undefined;
  const secrets = `<AWSAccessKeyId>S3RVER</AWSAccessKeyId><StringToSign>${signed}</StringToSign>`;
  const body = `<Error><Code>SignatureDoesNotMatch</Code><Message>It does not.</Message>${secrets}</Error>`;
  return { status: 403, body };
}
