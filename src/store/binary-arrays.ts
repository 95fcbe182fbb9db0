/**
 * One-dimensional arrays in Postgres' binary format, for the parameters of a batch: no quoting, no parsing, one copy.
 * The format: dimensions, a flag for nulls, the element's type, then for the dimension its length and lower bound,
 * and each element as its length and bytes (Postgres source: array_recv).
 */
const INT2 = 21;
const INT4 = 23;
const INT8 = 20;
const TEXT = 25;
const UUID = 2950;
const HEADER = 20;

function header(buffer: Buffer, type: number, length: number): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(type, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
}

function fixed(
  type: number,
  width: number,
  length: number,
  write: (buffer: Buffer, at: number, index: number) => void,
): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER + length * (4 + width));
  header(buffer, type, length);
  let at = HEADER;
  for (let index = 0; index < length; index++) {
    buffer.writeInt32BE(width, at);
    write(buffer, at + 4, index);
    at += 4 + width;
  }
  return buffer;
}

export function int2Array(values: readonly number[]): Buffer {
  return fixed(INT2, 2, values.length, (buffer, at, index) => buffer.writeInt16BE(values[index] ?? 0, at));
}

export function int4Array(values: readonly number[]): Buffer {
  return fixed(INT4, 4, values.length, (buffer, at, index) => buffer.writeInt32BE(values[index] ?? 0, at));
}

export function int8Array(values: readonly bigint[]): Buffer {
  return fixed(INT8, 8, values.length, (buffer, at, index) => buffer.writeBigInt64BE(values[index] ?? 0n, at));
}

/** Each value is 16 bytes. */
export function uuidArray(values: readonly Buffer[]): Buffer {
  return fixed(UUID, 16, values.length, (buffer, at, index) => values[index]?.copy(buffer, at, 0, 16));
}

export function textArray(values: readonly string[]): Buffer {
  const lengths = values.map((value) => Buffer.byteLength(value));
  const buffer = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + length, HEADER));
  header(buffer, TEXT, values.length);
  let at = HEADER;
  values.forEach((value, index) => {
    const length = lengths[index] ?? 0;
    buffer.writeInt32BE(length, at);
    buffer.write(value, at + 4, length, 'utf8');
    at += 4 + length;
  });
  return buffer;
}

/** The 16 bytes of a uuid as Postgres writes it. */
export function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}
