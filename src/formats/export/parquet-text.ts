import type { ByteWriter } from 'hyparquet-writer';
import { writePlain } from 'hyparquet-writer/src/plain.js';

/** From this size on the room for the worst that its characters can be would be large. */
const LONG_CHARACTERS = 64 * 1024;

/**
 * Writes texts as Parquet has them (BYTE_ARRAY, PLAIN): their length in octets, and UTF-8. As hyparquet-writer does it, but at once into
 * the writer's own octets.
 */
export function textWriter(writer: ByteWriter): (text: string) => void {
  let octets = Buffer.from(writer.buffer);
  return (text) => {
    if (text.length >= LONG_CHARACTERS) {
      writePlain(writer, [text], 'BYTE_ARRAY', undefined);
      return;
    }
    // A character takes three octets of UTF-8 at most.
    writer.ensure(4 + 3 * text.length);
    if (octets.buffer !== writer.buffer) octets = Buffer.from(writer.buffer);
    const length = octets.write(text, writer.index + 4);
    writer.view.setUint32(writer.index, length, true);
    writer.index += 4 + length;
    writer.offset += 4 + length;
  };
}
