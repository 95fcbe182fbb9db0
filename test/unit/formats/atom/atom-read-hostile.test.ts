import { expect } from 'chai';
import { FeedsError } from '../../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import { readEntry, readFeedDocument } from '../../../../src/formats/atom/atom-read.js';
import { fixtures } from '../fixtures.js';
import { cpuTime } from '../../../support/cpu-time.js';
import { stopwatch } from '../../../support/stopwatch.js';

const OPTIONS = { limits: DEFAULT_LIMITS };
const MEBIBYTE = 1024 * 1024;
/** Far more than any of them takes, far less than what grows with the square of the size would. */
const TIME_MS = 3000;

/** The refusal, and that it came within the time. */
async function refused(body: Buffer, charset?: string): Promise<FeedsError> {
  const begun = cpuTime();
  const error: unknown = await Promise.resolve()
    .then(() => readEntry(body, charset, OPTIONS))
    .then(
      () => expect.fail('accepted'),
      (reason: unknown) => reason,
    );
  expect(cpuTime() - begun).to.be.below(TIME_MS);
  expect(error).to.be.instanceOf(FeedsError);
  return error as FeedsError;
}

function anEntry(inner: string): string {
  return `<entry xmlns="http://www.w3.org/2005/Atom">${inner}</entry>`;
}

function repeated(piece: string, octets: number): string {
  return piece.repeat(Math.ceil(octets / piece.length));
}

describe('hostile bodies', () => {
  it('are refused with a message that helps, and in time', async () => {
    const attributes = Array.from({ length: 100_000 }, (_, index) => ` a${index}="1"`).join('');
    const laughs = Array.from(
      { length: 9 },
      (_, index) => `<!ENTITY l${index + 1} "${`&l${index};`.repeat(10)}">`,
    ).join('');
    const bodies: [string | Buffer, RegExp][] = [
      [`<?xml version="1.0"?><!DOCTYPE entry [<!ENTITY l0 "lol">${laughs}]>${anEntry('&l9;')}`, /DOCTYPE/],
      [`<!DOCTYPE entry [<!ENTITY x SYSTEM "file:///etc/passwd">]>${anEntry('<title>&x;</title>')}`, /DOCTYPE/],
      [`<!DOCTYPE entry SYSTEM "http://127.0.0.1/x.dtd">${anEntry('')}`, /DOCTYPE/],
      [anEntry('<title>&x;</title>'), /the entity "&x;" is not defined/],
      [anEntry('<a>'.repeat(10_000) + '</a>'.repeat(10_000)), /more than 100 deep/],
      [repeated('<a>', MEBIBYTE), /was expected/],
      [anEntry(`<a${attributes}/>`), /more than 200 attributes/],
      [anEntry('<title>\u0000</title>'), /U\+0000/],
      [anEntry('<title>\u001b[31m</title>'), /U\+001B/],
      [anEntry('<title>\uffff</title>'), /U\+FFFF/],
      [anEntry('<title>&#x1F;</title>'), /"&#x1F;" names a character/],
      [anEntry(`<title>&#${'9'.repeat(MEBIBYTE)};</title>`), /does not allow/],
      [anEntry(`<title>&${'x'.repeat(MEBIBYTE)}</title>`), /has no ";"/],
      [`<${'x'.repeat(MEBIBYTE)}`, /ends within the tag <x+…/],
      [anEntry(`<${'x'.repeat(MEBIBYTE)}></y>`), /instead of the end tag of <x+…/],
      [anEntry(`<a b="${'x'.repeat(MEBIBYTE)}`), /in an attribute's value|closing quote is missing/],
      [anEntry(`<!--${'x'.repeat(MEBIBYTE)}`), /ends within this comment/],
      [anEntry(`<![CDATA[${'x'.repeat(MEBIBYTE)}`), /ends within this CDATA section/],
      [`<?xml${' '.repeat(MEBIBYTE)}?>`, /XML declaration is not valid/],
      [anEntry(repeated('<category term="x"/>', MEBIBYTE / 2)), /categories; this feed takes at most 20/],
      [anEntry(repeated('<link href="x"/>', MEBIBYTE / 2)), /mistakes/],
      [anEntry(repeated('<author><name/></author>', MEBIBYTE / 2)), /at most 1000 are taken/],
      [anEntry(repeated('<contributor><name/></contributor>', MEBIBYTE / 2)), /at most 1000 are taken/],
      [anEntry(repeated('<id/>', MEBIBYTE / 2)), /mistakes/],
      [anEntry(`<id>urn:${'x'.repeat(MEBIBYTE)}</id>`), /at most 1024/],
      [anEntry(`<updated>${'1'.repeat(MEBIBYTE)}</updated>`), /is no date/],
      [anEntry(`<content type="application/json">${'['.repeat(MEBIBYTE)}</content>`), /more than 100 deep/],
      [anEntry(`<content type="image/png">${'='.repeat(MEBIBYTE)}</content>`), /no multiple of four/],
      [anEntry(`<content type="a/b${';'.repeat(MEBIBYTE)}"/>`), /atom:summary is missing/],
      [anEntry(`<content type="${'a'.repeat(MEBIBYTE)}"/>`), /neither text, html/],
      [Buffer.alloc(0), /the document is empty/],
      [Buffer.alloc(MEBIBYTE), /U\+0000 stands before the root/],
      [Buffer.alloc(MEBIBYTE, ' '), /no root element/],
      [Buffer.alloc(MEBIBYTE, 0xff), /is not valid UTF-8/],
      [Buffer.from('{"entry":{}}'), /"\{" stands before the root element/],
      [Buffer.from(anEntry('é'), 'latin1'), /0xE9 at offset 43 is not valid UTF-8/],
      [Buffer.from(`<?xml version="1.0" encoding="UTF-16"?>${anEntry('')}`), /says UTF-16, but the body has one byte/],
      [Buffer.from(`<?xml version="1.0" encoding="UTF-7"?>${anEntry('')}`), /"UTF-7", which is not read/],
    ]; // prettier-ignore
    for (const [body, message] of bodies) {
      const error = await refused(typeof body === 'string' ? Buffer.from(body) : body);
      const told = [error.message, ...(error.details.violations ?? []).map((violation) => violation.message)];
      expect(
        told.some((text) => message.test(text)),
        told.join('\n').slice(0, 1000),
      ).to.equal(true);
      expect(error.message.length).to.be.below(700);
    }
  });

  /** The code of its refusal; anything that is thrown but a FeedsError comes through. */
  function outcome(body: Buffer): string {
    try {
      void readEntry(body, undefined, OPTIONS);
      return 'accepted';
    } catch (error) {
      if (!(error instanceof FeedsError)) throw error;
      return error.code;
    }
  }

  it('are refused wherever they are cut off', () => {
    for (const { name, body } of [fixtures()[2]!, fixtures()[15]!]) {
      const outcomes = Array.from({ length: body.lastIndexOf('>') + 1 }, (_, length) =>
        outcome(body.subarray(0, length)),
      );
      expect(new Set(outcomes), name).to.deep.equal(new Set(['not-well-formed']));
    }
  });

  it('cannot break anything by a changed byte', () => {
    const { body } = fixtures()[7]!;
    const outcomes = new Set<string>();
    for (let at = 0; at < body.length; at++) {
      const changed = Buffer.from(body);
      changed[at] = (changed[at]! * 7 + at) % 256;
      outcomes.add(outcome(changed));
    }
    expect([...outcomes]).to.include.members(['accepted', 'invalid-entry', 'not-well-formed']);
  });
});

describe('large bodies', () => {
  /** The longest time in milliseconds that the event loop had to wait while this went on. */
  async function longestHold(run: () => Promise<unknown>): Promise<number> {
    let longest = 0;
    let took = stopwatch();
    let going = true;
    const look = (): void => {
      longest = Math.max(longest, took());
      took = stopwatch();
      if (going) setImmediate(look);
    };
    setImmediate(look);
    try {
      await run();
    } finally {
      going = false;
    }
    return longest;
  }

  const json = JSON.stringify(
    Array.from({ length: 15_000 }, (_, id) => ({ id, name: 'widget', tags: ['a', null, 1.5e3] })),
  );
  const bodies: Record<string, string> = {
    elements: anEntry(
      `<content type="application/xml"><a>${repeated('<b c="an attribute">text</b>', MEBIBYTE)}</a></content>`,
    ),
    text: anEntry(`<content>${repeated('lorem ipsum &amp; ', MEBIBYTE)}</content>`),
    json: anEntry(`<content type="application/json">${json}</content>`),
    base64: anEntry(`<summary/><content type="image/png">${repeated('aGVsbG8h\n', MEBIBYTE)}</content>`),
  };

  it('are read in slices, so that other work comes in between', async function () {
    this.timeout(60_000);
    for (const [name, source] of Object.entries(bodies)) {
      const body = Buffer.from(source);
      const reading = (): Promise<unknown> => Promise.resolve(readEntry(body, undefined, OPTIONS));
      const whole = performance.now();
      await reading();
      const total = performance.now() - whole;
      const holds = [await longestHold(reading), await longestHold(reading), await longestHold(reading)];
      // Decoding and the digest come in one piece; so does what is collected now and then, hence the best of three.
      expect(Math.min(...holds), `${name}, of ${total} ms`).to.be.below(40);
    }
  });

  it('give the same draft as if read at once', async () => {
    const filler = `<!--${'x'.repeat(100_000)}-->`;
    for (const { text, body } of fixtures()) {
      const small = await readEntry(body, undefined, OPTIONS);
      const promise = readEntry(Buffer.from(text + filler), undefined, OPTIONS);
      expect(promise).to.be.instanceOf(Promise);
      expect(await promise).to.deep.equal(small);
    }
  });

  it('may be a feed of thousands of entries', async () => {
    const source = `<feed xmlns="http://www.w3.org/2005/Atom"><author><name>n</name></author>${'<entry><content>c</content></entry>'.repeat(5_000)}</feed>`;
    const body = Buffer.from(source);
    const reading = async (): Promise<void> => {
      expect(await readFeedDocument(body, undefined, OPTIONS)).to.have.length(5_000);
    };
    const holds = [await longestHold(reading), await longestHold(reading), await longestHold(reading)];
    expect(Math.min(...holds)).to.be.below(200);
  });
});
