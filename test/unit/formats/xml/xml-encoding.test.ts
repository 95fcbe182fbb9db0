import { expect } from 'chai';
import { FeedsError } from '../../../../src/core/errors.js';
import { decodeXml } from '../../../../src/formats/xml/xml-encoding.js';

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const TEXT = '<a>é 東 😀</a>';

function utf16(text: string, order: 'le' | 'be', mark: boolean): Buffer {
  const little = Buffer.from((mark ? '\ufeff' : '') + text, 'utf16le');
  return order === 'le' ? little : little.swap16();
}

function refusal(body: Buffer, charset?: string): FeedsError {
  try {
    decodeXml(body, charset);
  } catch (error) {
    expect(error).to.be.instanceOf(FeedsError);
    return error as FeedsError;
  }
  return expect.fail('accepted');
}

describe('the encoding of an XML body', () => {
  it('is UTF-8 when nothing says otherwise', () => {
    expect(decodeXml(Buffer.from(TEXT), undefined)).to.equal(TEXT);
    expect(decodeXml(Buffer.from(''), undefined)).to.equal('');
  });

  it('is what the XML declaration says', () => {
    for (const name of ['ISO-8859-1', 'iso-8859-1', 'Latin1']) {
      const text = `<?xml version='1.0' encoding='${name}'?><a>é</a>`;
      expect(decodeXml(Buffer.from(text, 'latin1'), undefined)).to.equal(text);
    }
    const utf8 = `<?xml version="1.0"\n  encoding = "UTF-8"?>${TEXT}`;
    expect(decodeXml(Buffer.from(utf8), undefined)).to.equal(utf8);
  });

  it('is what the charset says, against the XML declaration (RFC 7303 §3)', () => {
    const text = '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>';
    expect(decodeXml(Buffer.from(text), 'utf-8')).to.equal(text);
    const utf8 = '<?xml version="1.0" encoding="UTF-8"?><a>é</a>';
    expect(decodeXml(Buffer.from(utf8, 'latin1'), '"ISO-8859-1"')).to.equal(utf8);
  });

  it('is what the byte order mark says, which is no part of the text', () => {
    expect(decodeXml(Buffer.concat([UTF8_MARK, Buffer.from(TEXT)]), undefined)).to.equal(TEXT);
    expect(decodeXml(Buffer.concat([UTF8_MARK, Buffer.from(TEXT)]), 'UTF-8')).to.equal(TEXT);
    for (const order of ['le', 'be'] as const) {
      expect(decodeXml(utf16(TEXT, order, true), undefined)).to.equal(TEXT);
      expect(decodeXml(utf16(TEXT, order, true), 'UTF-16')).to.equal(TEXT);
      expect(decodeXml(utf16(TEXT, order, true), `utf-16${order}`)).to.equal(TEXT);
    }
  });

  it('is seen to be UTF-16 by the first characters (XML 1.0 appendix F)', () => {
    for (const order of ['le', 'be'] as const) {
      expect(decodeXml(utf16(TEXT, order, false), undefined)).to.equal(TEXT);
      expect(decodeXml(utf16(TEXT, order, false), `UTF-16${order}`)).to.equal(TEXT);
    }
  });

  it('does not change the body that it reads', () => {
    const body = utf16(TEXT, 'be', true);
    const before = Buffer.from(body);
    decodeXml(body, undefined);
    expect(body.equals(before)).to.equal(true);
  });

  it('names the first byte that is not valid', () => {
    const cases: [number[], number][] = [
      [[0x3c, 0x61, 0xff], 2],
      [[0x61, 0xc3], 1],
      [[0x61, 0x80], 1],
      [[0xc3, 0xa9, 0xc0, 0xaf], 2], // overlong
      [[0x61, 0xe0, 0x9f, 0xbf], 1], // overlong
      [[0x61, 0xed, 0xa0, 0x80], 1], // half of a surrogate pair
      [[0xf0, 0x9f, 0x98, 0x80, 0xf4, 0x90, 0x80, 0x80], 4], // beyond U+10FFFF
      [[0xe6, 0x9d], 0],
      [[...UTF8_MARK, 0x61, 0xfe], 4],
    ];
    for (const [bytes, offset] of cases) {
      const { code, message } = refusal(Buffer.from(bytes));
      expect(code).to.equal('not-well-formed');
      expect(message).to.match(new RegExp(`offset ${offset} is not valid UTF-8`));
    }
    expect(refusal(Buffer.from('<a>é</a>'), 'us-ascii').message).to.match(/0xC3 at offset 3 is not valid US-ASCII/);
    expect(refusal(Buffer.concat([utf16('<a/>', 'le', true), Buffer.from('x')])).message).to.match(
      /offset 10 is not valid UTF-16/,
    );
  });

  it('refuses a body that contradicts what is said of it', () => {
    const lies: [Buffer, string | undefined][] = [
      [Buffer.from('<?xml version="1.0" encoding="UTF-16"?><a/>'), undefined],
      [Buffer.concat([UTF8_MARK, Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a/>')]), undefined],
      [utf16('<?xml version="1.0" encoding="UTF-8"?><a/>', 'le', true), undefined],
      [Buffer.concat([UTF8_MARK, Buffer.from('<a/>')]), 'iso-8859-1'],
      [utf16('<a/>', 'le', true), 'utf-8'],
      [utf16('<a/>', 'le', true), 'utf-16be'],
      [utf16('<a/>', 'be', false), 'utf-8'],
      [Buffer.from('<a/>'), 'utf-16'],
    ];
    for (const [body, charset] of lies) {
      expect(refusal(body, charset).code, `${charset} ${body.toString('latin1')}`).to.equal('not-well-formed');
    }
  });

  it('names what is read when it is an encoding that is not', () => {
    const bodies: [Buffer, string | undefined][] = [
      [Buffer.from('<a/>'), 'windows-1252'],
      [Buffer.from('<a/>'), 'constructor'],
      [Buffer.from('<?xml version="1.0" encoding="Shift_JIS"?><a/>'), undefined],
      [Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0]), undefined],
      [Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x3c]), undefined],
      [Buffer.from([0x4c, 0x6f, 0xa7, 0x94, 0x93]), undefined],
    ];
    for (const [body, charset] of bodies) {
      const { code, message } = refusal(body, charset);
      expect(code).to.equal('unsupported-encoding');
      expect(message).to.contain('UTF-8, US-ASCII, ISO-8859-1 and UTF-16');
    }
  });
});
