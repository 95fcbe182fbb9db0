import { isAscii, isUtf8 } from 'node:buffer';
import { FeedsError } from '../../core/errors.js';
import { USUAL_DECLARATION, notWellFormed } from './xml.js';

type Encoding = 'utf-8' | 'us-ascii' | 'iso-8859-1' | 'utf-16le' | 'utf-16be';

/** `utf-16` leaves the order of the bytes to the byte order mark. */
type Label = Encoding | 'utf-16';

const LABELS: ReadonlyMap<string, Label> = new Map<string, Label>([
  ['UTF-8', 'utf-8'],
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['us-ascii', 'us-ascii'],
  ['ascii', 'us-ascii'],
  ['iso-8859-1', 'iso-8859-1'],
  ['iso_8859-1', 'iso-8859-1'],
  ['iso8859-1', 'iso-8859-1'],
  ['latin1', 'iso-8859-1'],
  ['utf-16', 'utf-16'],
  ['utf-16le', 'utf-16le'],
  ['utf-16be', 'utf-16be'],
]);

const SUPPORTED = 'UTF-8, US-ASCII, ISO-8859-1 and UTF-16';

/** Where an XML declaration would be over, the longest white space that anybody writes included. */
const DECLARATION_BYTES = 1024;
const DECLARED = /^<\?xml[ \t\r\n][^>]*?[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*(?:"([^">]*)"|'([^'>]*)')/;

/** What the first bytes tell (XML 1.0 appendix F); `mark` is the length of the byte order mark. */
interface Signature {
  readonly family: '8-bit' | 'utf-16le' | 'utf-16be';
  readonly mark: number;
}

/**
 * The text of an XML body, without a byte order mark. RFC 7303 §3: the byte order mark decides, then the `charset` of the
 * media type, then the XML declaration (which then must agree with the bytes), and UTF-8 if nothing says otherwise.
 * A FeedsError `not-well-formed` names the first byte that the encoding does not allow, or the contradiction; an encoding
 * that we do not know is an `unsupported-encoding`.
 */
export function decodeXml(body: Buffer, charset: string | undefined): string {
  const signature = signatureOf(body);
  const stated = charset === undefined ? undefined : labelOf(charset, 'the charset of the media type');
  const bytes = signature.mark === 0 ? body : body.subarray(signature.mark);

  if (signature.family !== '8-bit') {
    if (stated !== undefined) refuseOtherThan(signature, stated, 'the charset of the media type');
    const text = decodeUtf16(bytes, signature.family, signature.mark);
    if (stated === undefined) checkDeclared(text, signature);
    return text;
  }
  if (signature.mark > 0) {
    if (stated !== undefined) refuseOtherThan(signature, stated, 'the charset of the media type');
    const text = decode8Bit(bytes, 'utf-8', signature.mark);
    if (stated === undefined) checkDeclared(text, signature);
    return text;
  }
  if (stated === 'utf-16le' || stated === 'utf-16be') return decodeUtf16(bytes, stated, 0);
  if (stated === 'utf-16') {
    throw notWellFormed(
      'the charset is UTF-16, but the body has no byte order mark and is not UTF-16 by its first bytes',
    );
  }
  return decode8Bit(bytes, stated ?? declaredIn8Bit(bytes), 0);
}

function signatureOf(body: Buffer): Signature {
  const first = body[0];
  if (first === 0x3c && body[1] !== 0) return { family: '8-bit', mark: 0 };
  const four = body.length < 4 ? 0 : body.readUInt32BE(0);
  if (four === 0x0000feff || four === 0xfffe0000 || four === 0x0000003c || four === 0x3c000000) {
    throw unsupported('UTF-32', 'the body');
  }
  if (four === 0x4c6fa794) throw unsupported('EBCDIC', 'the body');
  if (first === 0xef && body[1] === 0xbb && body[2] === 0xbf) return { family: '8-bit', mark: 3 };
  if (first === 0xff && body[1] === 0xfe) return { family: 'utf-16le', mark: 2 };
  if (first === 0xfe && body[1] === 0xff) return { family: 'utf-16be', mark: 2 };
  if (first === 0x3c && body[1] === 0) return { family: 'utf-16le', mark: 0 };
  if (first === 0 && body[1] === 0x3c) return { family: 'utf-16be', mark: 0 };
  return { family: '8-bit', mark: 0 };
}

function labelOf(name: string, where: string): Label {
  const label = LABELS.get(name) ?? LABELS.get(unquoted(name).toLowerCase());
  if (label === undefined) throw unsupported(`"${name.slice(0, 40)}"`, where);
  return label;
}

function unquoted(name: string): string {
  return name.trim().replace(/^["']|["']$/g, '');
}

function unsupported(what: string, where: string): FeedsError {
  return new FeedsError('unsupported-encoding', `${where} is in ${what}, which is not read: ${SUPPORTED} are`);
}

function refuseOtherThan(signature: Signature, label: Label, where: string): void {
  const family = signature.family === '8-bit' ? 'utf-8' : signature.family;
  if (label === family || (label === 'utf-16' && family !== 'utf-8')) return;
  const by = signature.mark > 0 ? 'byte order mark' : 'first bytes';
  throw notWellFormed(`${where} says ${label.toUpperCase()}, but by its ${by} the body is ${family.toUpperCase()}`);
}

function checkDeclared(text: string, signature: Signature): void {
  const name = declaredName(text.slice(0, DECLARATION_BYTES));
  if (name !== undefined) refuseOtherThan(signature, labelOf(name, 'the XML declaration'), 'the XML declaration');
}

function declaredName(head: string): string | undefined {
  const match = head.startsWith('<?xml') ? DECLARED.exec(head) : null;
  return match === null ? undefined : (match[1] ?? match[2]);
}

function declaredIn8Bit(bytes: Buffer): Encoding {
  // "<?": most bodies without a declaration need not be looked at any further.
  if (bytes[0] !== 0x3c || bytes[1] !== 0x3f) return 'utf-8';
  const head = bytes.toString('latin1', 0, DECLARATION_BYTES);
  const name = head.startsWith(USUAL_DECLARATION) ? undefined : declaredName(head);
  if (name === undefined) return 'utf-8';
  const label = labelOf(name, 'the XML declaration');
  if (label === 'utf-16' || label === 'utf-16le' || label === 'utf-16be') {
    throw notWellFormed(`the XML declaration says ${label.toUpperCase()}, but the body has one byte for a character`);
  }
  return label;
}

function decode8Bit(bytes: Buffer, encoding: Encoding, offset: number): string {
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (encoding === 'iso-8859-1') return bytes.toString('latin1');
  if (encoding === 'us-ascii') {
    throw invalidByte(
      bytes,
      bytes.findIndex((byte) => byte > 127),
      offset,
      'US-ASCII',
    );
  }
  if (!isUtf8(bytes)) throw invalidByte(bytes, firstInvalidUtf8(bytes), offset, 'UTF-8');
  return bytes.toString('utf8');
}

function decodeUtf16(bytes: Buffer, encoding: 'utf-16le' | 'utf-16be', offset: number): string {
  if (bytes.length % 2 === 1)
    throw invalidByte(bytes, bytes.length - 1, offset, 'UTF-16, where a character has two bytes');
  // Copied, because swap16 works in place and the body is not ours.
  const little = encoding === 'utf-16le' ? bytes : Buffer.from(bytes).swap16();
  return little.toString('utf16le');
}

function invalidByte(bytes: Buffer, at: number, offset: number, encoding: string): FeedsError {
  const byte = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0');
  return notWellFormed(`the byte 0x${byte} at offset ${at + offset} is not valid ${encoding}`);
}

/** The offset of the first byte of the first sequence that RFC 3629 §4 does not have. */
function firstInvalidUtf8(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    const lowest = index > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const highest = index > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (byte < lowest || byte > highest) return 0;
  }
  return length;
}
