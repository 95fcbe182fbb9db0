/** The bytes of a text in memory of their own: those of `Buffer.from` keep a pool of 8 KiB from being freed. */
export function ownBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/** The same text by itself: one that was cut out of another keeps all of that, as a key does the header that it came in. */
export function ownText(text: string): string {
  return ownBytes(text).toString();
}
