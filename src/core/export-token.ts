import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Instant } from './entry.js';
import type { ExportPlace } from './export.js';
import { instantOf, microsecondsOf } from './instants.js';

/**
 * What a reader of an export goes on from: how far it has come, in which epoch, and of which selection. Sealed, as ticks and
 * positions tell of what others publish, and no two look equal: that would tell whether they have.
 */
export interface ExportToken {
  readonly epoch: string;
  readonly partition: number;
  readonly place: ExportPlace;
  /** When the tick of the place was; undefined before the first. */
  readonly recordedAt: Instant | undefined;
  /** Of the selection (core/export.ts). */
  readonly selection: Buffer;
}

export interface ExportTokens {
  seal(token: ExportToken): string;
  /** Undefined: no server of this database has made it. */
  open(text: string): ExportToken | undefined;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BODY_BYTES = 43;
const FORM = /^x1\.[A-Za-z0-9_-]{95}$/;

/** @param secret 32 bytes, the same on all nodes and for ever */
export function makeExportTokens(secret: Buffer): ExportTokens {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'millrace export token', 32));
  return {
    seal(token) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce);
      const sealed = Buffer.concat([cipher.update(written(token)), cipher.final()]);
      return `x1.${Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url')}`;
    },
    open(text) {
      if (!FORM.test(text)) return undefined;
      const bytes = Buffer.from(text.slice(3), 'base64url');
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return read(Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]));
      } catch {
        return undefined;
      }
    },
  };
}

function written({ epoch, partition, place, recordedAt, selection }: ExportToken): Buffer {
  const body = Buffer.alloc(BODY_BYTES);
  body.writeUInt8(1, 0);
  body.write(epoch, 1, 4, 'hex');
  body.writeUInt16BE(partition, 5);
  body.writeBigUInt64BE(place.tick, 7);
  body.writeUInt32BE(place.feed, 15);
  body.writeBigUInt64BE(place.position, 19);
  body.writeBigInt64BE(recordedAt === undefined ? 0n : microsecondsOf(recordedAt), 27);
  selection.copy(body, 35, 0, 8);
  return body;
}

function read(body: Buffer): ExportToken {
  const micros = body.readBigInt64BE(27);
  return {
    epoch: body.toString('hex', 1, 5),
    partition: body.readUInt16BE(5),
    place: { tick: body.readBigUInt64BE(7), feed: body.readUInt32BE(15), position: body.readBigUInt64BE(19) },
    recordedAt: micros === 0n ? undefined : instantOf(micros),
    selection: Buffer.from(body.subarray(35)),
  };
}
