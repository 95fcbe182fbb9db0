import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { BatchNumber } from './named-export.js';

/** Of which batch of which export: for whoever has got it whole, and nobody else can make one. */
export interface ExportReceipt extends BatchNumber {
  /** The export's id. */
  readonly export: string;
}

export interface ExportReceipts {
  seal(receipt: ExportReceipt): string;
  /** Undefined: no server of this database has made it. */
  open(text: string): ExportReceipt | undefined;
}

const BODY_BYTES = 28;
const SEAL_BYTES = 16;
const FORM = /^r1\.[A-Za-z0-9_-]{59}$/;

/** @param secret 32 bytes, the same on all nodes and for ever */
export function makeExportReceipts(secret: Buffer): ExportReceipts {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'millrace export receipt', 32));
  const sealOf = (body: Buffer): Buffer => createHmac('sha256', key).update(body).digest().subarray(0, SEAL_BYTES);
  return {
    seal(receipt) {
      const body = written(receipt);
      return `r1.${Buffer.concat([body, sealOf(body)]).toString('base64url')}`;
    },
    open(text) {
      if (!FORM.test(text)) return undefined;
      const bytes = Buffer.from(text.slice(3), 'base64url');
      const body = bytes.subarray(0, BODY_BYTES);
      return timingSafeEqual(bytes.subarray(BODY_BYTES), sealOf(body)) ? read(body) : undefined;
    },
  };
}

function written({ export: id, epoch, number }: ExportReceipt): Buffer {
  const body = Buffer.alloc(BODY_BYTES);
  body.write(id.replaceAll('-', ''), 0, 16, 'hex');
  body.write(epoch, 16, 4, 'hex');
  body.writeBigUInt64BE(number, 20);
  return body;
}

function read(body: Buffer): ExportReceipt {
  const hex = body.toString('hex', 0, 16);
  return {
    export: [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'),
    epoch: body.toString('hex', 16, 20),
    number: body.readBigUInt64BE(20),
  };
}
