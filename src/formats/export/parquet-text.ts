import type { ByteWriter } from 'hyparquet-writer';
import { writePlain } from 'hyparquet-writer/src/plain.js';

/** From this size on the room for the worst that its characters can be would be large. */
const LONG_CHARACTERS = 64 * 1024;

/**
 * Writes texts, or what they are in UTF-8, as Parquet has them (BYTE_ARRAY, PLAIN): their length in octets, and UTF-8. As hyparquet-writer
 * does it, but at once into the writer's own octets.
 */
export function textWriter(writer: ByteWriter): (text: string | Uint8Array) => void {
  let octets = Buffer.from(writer.buffer);
  return (text) => {
    if (typeof text === 'string' && text.length >= LONG_CHARACTERS) {
      writePlain(writer, [text], 'BYTE_ARRAY', undefined);
      return;
    }
    // A character takes three octets of UTF-8 at most.
    writer.ensure(4 + (typeof text === 'string' ? 3 : 1) * text.length);
    if (octets.buffer !== writer.buffer) octets = Buffer.from(writer.buffer);
    const begin = writer.index + 4;
    const length = typeof text === 'string' ? octets.write(text, begin) : text.length;
    if (typeof text !== 'string') octets.set(text, begin);
    writer.view.setUint32(writer.index, length, true);
    writer.index += 4 + length;
    writer.offset += 4 + length;
  };
}
