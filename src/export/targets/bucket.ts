import { createHash } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import type { S3Target } from '../../core/target-settings.js';
import { readTree } from '../../formats/xml/xml-tree.js';
import type { XmlElement } from '../../formats/xml/xml-tree.js';

/** A bucket of S3, or of what speaks like it. What it refuses, or does not answer in time, rejects, without secrets. */
export interface Bucket {
  /** Rejects where something else has the name: an object of another type, or what is no bucket and answers to everything. */
  has(key: string, type: string): Promise<boolean>;
  /** Whole or not at all. */
  put(key: string, body: Uint8Array, type: string): Promise<void>;
  /** An object that comes in pieces: it is not there before it is completed. */
  beginUpload(key: string, type: string): Promise<Upload>;
  /** What is under way rejects. */
  stop(): void;
}

export interface Upload {
  /** At least 5 MiB, save for the last one. One after the other. */
  add(piece: Uint8Array): Promise<void>;
  complete(): Promise<void>;
  /** Lets go of the pieces, which would be kept, and paid for, otherwise. */
  abort(): Promise<void>;
}

interface Sent {
  readonly method: 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly type?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** @param requestMs for a request with all of its answer */
export function openBucket(settings: S3Target, requestMs: number): Bucket {
  const stopping = new AbortController();

  return {
    async has(key, type) {
      const { status, headers } = await send({ method: 'HEAD', key }, [200, 404]);
      if (status === 404) return false;
      const found = headers.get('content-type') ?? 'something of no type';
      if (found === type && headers.has('etag')) return true;
      throw new Error(
        `the bucket "${settings.bucket}" has ${found} as ${key}, expected ${type} with an ETag, or nothing`,
      );
    },
    async put(key, body, type) {
      await putTagged({ method: 'PUT', key, body, type });
    },
    async beginUpload(key, type) {
      const begun = await send({ method: 'POST', key, query: { uploads: '' }, type });
      const uploadId = textOf(begun, 'UploadId');
      if (uploadId === '') throw new Error(`the bucket "${settings.bucket}" named no upload of ${key}`);
      return upload(key, uploadId);
    },
    stop() {
      stopping.abort();
    },
  };

  function upload(key: string, uploadId: string): Upload {
    const tags: string[] = [];
    return {
      async add(piece) {
        const query = { partNumber: String(tags.length + 1), uploadId };
        tags.push(await putTagged({ method: 'PUT', key, query, body: piece }));
      },
      async complete() {
        const parts = tags.map(
          (tag, n) => `<Part><PartNumber>${n + 1}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`,
        );
        const body = `<CompleteMultipartUpload xmlns="${NAMESPACE}">${parts.join('')}</CompleteMultipartUpload>`;
        const answer = await send({ method: 'POST', key, query: { uploadId }, body, type: 'application/xml' });
        // CompleteMultipartUpload: the answer begins before it is known how it ends, so 200 may be an error as well.
        if (textOf(answer, 'ETag') === '') throw refusal(settings, 'POST', key, answer);
      },
      async abort() {
        await send({ method: 'DELETE', key, query: { uploadId } }, [204, 200, 404]);
      },
    };
  }

  /** Whatever S3 has stored it tells the tag of. */
  async function putTagged(sent: Sent): Promise<string> {
    const answer = await send(sent);
    const tag = answer.headers.get('etag');
    if (tag === null) throw refusal(settings, sent.method, `${sent.key} without an ETag`, answer);
    return tag;
  }

  async function send(sent: Sent, expected: readonly number[] = [200]): Promise<Answered> {
    const { method, key, body } = sent;
    const { url, headers } = await signed(settings, sent);
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(requestMs)]);
    let answered: Answered;
    try {
      const answer = await fetch(url, { method, headers, body: body ?? null, signal, redirect: 'manual' });
      answered = { status: answer.status, headers: answer.headers, text: await answer.text() };
    } catch (cause) {
      throw new Error(`the bucket "${settings.bucket}" does not answer ${method} ${key}: ${reasonOf(cause)}`, {
        cause,
      });
    }
    if (!expected.includes(answered.status)) throw refusal(settings, method, key, answered);
    return answered;
  }
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** With the digest of the body, so that what comes in altered is refused. */
async function signed(
  settings: S3Target,
  { method, key, query = {}, body, type }: Sent,
): Promise<{ url: URL; headers: Headers }> {
  const { accessKeyId, secretAccessKey, region } = settings;
  const url = urlOf(settings, key);
  url.search = new URLSearchParams(query).toString();
  const headers = {
    'x-amz-content-sha256': createHash('sha256')
      .update(body ?? '')
      .digest('hex'),
    ...(type === undefined ? {} : { 'content-type': type }),
  };
  return new AwsV4Signer({
    method,
    url: url.href,
    headers,
    accessKeyId,
    secretAccessKey,
    region,
    service: 's3',
  }).sign();
}

/** What is `%2F` in the name of an object is `%252F` here. */
function urlOf({ endpoint, bucket, pathStyle }: S3Target, key: string): URL {
  const url = new URL(endpoint);
  if (!pathStyle) url.host = `${bucket}.${url.host}`;
  const path = [...(pathStyle ? [bucket] : []), ...key.split('/')].map(encoded).join('/');
  const whole = `${url.pathname.replace(/\/$/, '')}/${path}`;
  url.pathname = whole;
  if (url.pathname !== whole) throw new Error(`no object can be named ${key}: in a URL "." and ".." lead elsewhere`);
  return url;
}

/** RFC 3986 §2.3: all but what is unreserved. */
function encoded(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** Of a failure of `fetch`: what is behind it. */
function reasonOf(error: unknown): string {
  const { cause, message, name } = error as Error;
  if (name === 'TimeoutError') return 'not in time';
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? (cause instanceof Error ? cause.message : message);
}

const LONGEST = 300;

/** Code and message are told. Other things in the answer may be secret: of a wrong signature, all that was signed. */
function refusal({ bucket }: S3Target, method: string, key: string, answer: Answered): Error {
  const told = ['Code', 'Message'].map((name) => textOf(answer, name)).filter((text) => text !== '');
  return new Error(
    `the bucket "${bucket}" answered ${method} ${key} with ${[answer.status, ...told].join(', ').slice(0, LONGEST)}`,
  );
}

/** Of a child of the root, whatever its namespace; '' where there is none. */
function textOf({ text }: Answered, name: string): string {
  return rootOf(text)?.elements.find(({ local }) => local === name)?.text ?? '';
}

/** Undefined: it is no XML. */
function rootOf(text: string): XmlElement | undefined {
  try {
    return readTree(text.trim());
  } catch {
    return undefined;
  }
}
