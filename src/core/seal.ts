import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Position } from './entry.js';
import type { FeedId } from './feed.js';

/**
 * Positions for those who see a part of a log only: a position would tell how much there is of what they do not see. A
 * sealed one is the position, the epoch and the feed as one block of AES under the server's key, so that equal places look
 * equal, and nothing else can be told of them, not even which comes first.
 */
export interface Seals {
  /** `epoch` is a short one. */
  seal(feed: FeedId, epoch: string, position: Position): string;
  /** Undefined: nobody has sealed this here for this feed. */
  open(feed: FeedId, text: string): { readonly position: Position; readonly epoch: string } | undefined;
}

/** No position, no name and no IRI begins with it; 16 bytes follow in base64url. */
export const SEALED = /^~[A-Za-z0-9_-]{22}$/;
const KEY_BYTES = 32;
const BLOCK_BYTES = 16;
const CIPHER = 'aes-256-ecb';

/** @param key 32 bytes, the same on all nodes and for ever */
export function makeSeals(key: Buffer): Seals {
  if (key.length !== KEY_BYTES) throw new Error(`the key of markers has ${String(key.length)} bytes`);
  return {
    seal(feed, epoch, position) {
      const block = Buffer.alloc(BLOCK_BYTES);
      block.writeBigUInt64BE(position, 0);
      block.write(epoch, 8, 4, 'hex');
      checkOf(feed).copy(block, 12);
      return `~${inOnePiece(createCipheriv(CIPHER, key, null), block).toString('base64url')}`;
    },
    open(feed, text) {
      if (!SEALED.test(text)) return undefined;
      const block = inOnePiece(createDecipheriv(CIPHER, key, null), Buffer.from(text.slice(1), 'base64url'));
      if (!block.subarray(12).equals(checkOf(feed))) return undefined;
      return { position: block.readBigUInt64BE(0), epoch: block.toString('hex', 8, 12) };
    },
  };
}

/** What a made-up text would have to hit. */
function checkOf(feed: FeedId): Buffer {
  return createHash('sha256')
    .update(`marker of feed ${String(feed)}`)
    .digest()
    .subarray(0, 4);
}

/** What ciphers and deciphers have in common. */
interface BlockCipher {
  setAutoPadding(on: boolean): unknown;
  update(block: Buffer): Buffer;
  final(): Buffer;
}

function inOnePiece(cipher: BlockCipher, block: Buffer): Buffer {
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}
