import { expect } from 'chai';
import fc from 'fast-check';
import { FeedsError } from '../../../../src/core/errors.js';
import type { Violation } from '../../../../src/core/errors.js';
import { XmlScanner, escapeAttribute, escapeText } from '../../../../src/formats/xml/xml.js';
import type { Attribute, XmlHandler, XmlLimits } from '../../../../src/formats/xml/xml.js';
import { cpuTime } from '../../../support/cpu-time.js';

const IDLE: XmlHandler = { start: () => undefined, text: () => undefined, end: () => undefined };

function refusal(source: string, limits?: XmlLimits): Violation {
  try {
    new XmlScanner(source, IDLE, limits).run();
  } catch (error) {
    expect(error).to.be.instanceOf(FeedsError);
    expect((error as FeedsError).code).to.equal('not-well-formed');
    const { violations } = (error as FeedsError).details;
    expect(violations).to.have.length(1);
    return violations![0]!;
  }
  return expect.fail(`accepted: ${source.slice(0, 200)}`);
}

/** Its milliseconds. */
function time(run: () => void): number {
  const start = cpuTime();
  run();
  return cpuTime() - start;
}

describe('the XML scanner', () => {
  it('tells what is wrong, where, and how to mend it', () => {
    const cases: [string, string, number, number, RegExp][] = [
      ['', '', 1, 1, /the document is empty/],
      ['  \n', '', 2, 1, /no root element/],
      ['<!-- c -->', '', 1, 11, /no root element/],
      ['text', '', 1, 1, /"t" stands before the root element/],
      ['<a/>x', '', 1, 5, /"x" stands after the root element has ended/],
      ['<a/><b/>', '', 1, 5, /a second root element/],
      ['<a/></a>', '', 1, 5, /an end tag outside the root element/],
      ['<a>\n <b>', 'a/b', 2, 5, /ends before the end tag of <b>, which was opened at line 2, column 2/],
      ['<a>\n <b>\n</a>', 'a/b', 3, 1, /"<\/a>" instead of the end tag of <b>, which was opened at line 2, column 2/],
      ['<a></a', 'a', 1, 4, /the document ends within the end tag of <a>/],
      ['<a></a x>', 'a', 1, 4, /the end tag of <a>, .* has no ">"/],
      ['<a', '', 1, 1, /the document ends within the tag <a/],
      ['<a b', '', 1, 5, /the attribute "b" has no value: "=" was expected, not the end of the document/],
      ['<a b=c/>', '', 1, 6, /the value of "b" is not in quotes/],
      ['<a b="c', '', 1, 6, /closing quote is missing/],
      ['<a b="c/><d/>', '', 1, 10, /"<" in an attribute's value: write "&lt;"/],
      ['<a b="c"d="e"/>', '', 1, 9, /"d" where white space, "\/" or ">" was expected/],
      ['<a b="1" c="2" b="3"/>', '', 1, 16, /the attribute "b" is there twice/],
      ['<a xmlns:x="u" xmlns:y="u" x:b="" y:b=""/>', 'a', 1, 35, /"y:b" is there twice, once by another prefix/],
      ['<x:a/>', 'a', 1, 2, /the prefix "x" is not bound: xmlns:x="…" is missing/],
      ['<a x:b=""/>', 'a', 1, 4, /the prefix "x" is not bound/],
      ['<a><b xmlns:x="u"/><x:c/></a>', 'a/c', 1, 21, /the prefix "x" is not bound/],
      ['<a xmlns:x=""/>', 'a', 1, 4, /only Namespaces 1\.1 allows/],
      ['<a xmlns:xml="u"/>', 'a', 1, 4, /the prefix "xml" must not be bound/],
      ['<a xmlns:xmlns="u"/>', 'a', 1, 4, /the prefix "xmlns" must not be declared/],
      ['<a xmlns="http://www.w3.org/XML/1998/namespace"/>', 'a', 1, 4, /only the prefix "xml" may be bound/],
      ['<a xmlns:b="http://www.w3.org/2000/xmlns/"/>', 'a', 1, 4, /must not be declared/],
      ['<xmlns:a/>', 'a', 1, 2, /must not be used for an element/],
      ['<a:b:c xmlns:a="u"/>', '', 1, 5, /":" cannot stand in an element's name/],
      ['<1/>', '', 1, 2, /"1" where the name of an element was expected/],
      ['<a>é &nbsp;</a>', 'a', 1, 6, /the entity "&nbsp;" is not defined: only &amp;/],
      ['<a>Q & A</a>', 'a', 1, 6, /a bare "&": write "&amp;"/],
      ['<a href="?b=1&c=2"/>', '', 1, 14, /"&c" has no ";"; write a bare "&" as "&amp;"/],
      ['<a>&#0;</a>', 'a', 1, 4, /"&#0;" names a character that XML 1.0 does not allow/],
      ['<a>&#x110000;</a>', 'a', 1, 4, /does not allow/],
      ['<a>&#xD800;</a>', 'a', 1, 4, /does not allow/],
      ['<a>😀\u0001</a>', 'a', 1, 5, /U\+0001 is a character that XML 1.0 does not allow/],
      ['<a>\ufffe</a>', 'a', 1, 4, /U\+FFFE/],
      ['<a>\ud83d</a>', 'a', 1, 4, /U\+D83D is half of a surrogate pair/],
      ['<a b="\ude00"/>', '', 1, 7, /U\+DE00 is half of a surrogate pair/],
      ['<a>]]></a>', 'a', 1, 4, /"]]>" in text: write "]]&gt;"/],
      ['<a><!-- -- --></a>', 'a', 1, 9, /"--" within a comment/],
      ['<a><!-- </a>', 'a', 1, 4, /ends within this comment/],
      ['<a><![CDATA[ </a>', 'a', 1, 4, /ends within this CDATA section/],
      ['<![CDATA[]]><a/>', '', 1, 1, /a CDATA section outside the root/],
      ['<a><?p </a>', 'a', 1, 4, /ends within this instruction/],
      ['<a><?a:b ?></a>', 'a', 1, 6, /no colon/],
      [' <?xml version="1.0"?><a/>', '', 1, 2, /may stand at the very start only/],
      ['<a><?XmL ?></a>', 'a', 1, 4, /may stand at the very start only/],
      ['<?xml encoding="UTF-8"?><a/>', '', 1, 1, /the XML declaration is not valid/],
      ['<?xml version="1.0" standalone="maybe"?><a/>', '', 1, 1, /the XML declaration is not valid/],
      ['<?xml version="1.1"?><a/>', '', 1, 1, /XML version "1\.1": only version 1\.0 is read/],
      ['\ufeff<a/>', '', 1, 1, /U\+FEFF stands before the root element/],
    ]; // prettier-ignore
    for (const [source, path, line, column, message] of cases) {
      const violation = refusal(source);
      expect(violation.message, source).to.match(message);
      expect({ path: violation.path, line: violation.line, column: violation.column }, source).to.deep.equal({
        path,
        line,
        column,
      });
    }
  });

  it('refuses every document type declaration, before any of it is looked at', () => {
    const declarations = [
      '<!DOCTYPE a>',
      '<!doctype a>',
      '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
      '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1/">]>',
      '<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
      '<!DOCTYPE',
    ];
    for (const declaration of declarations) {
      const violation = refusal(`<?xml version="1.0"?>\n${declaration}<a>&b;</a>`);
      expect(violation.message).to.match(/\(DOCTYPE\) is not accepted/);
      expect(violation).to.include({ line: 2, column: 1 });
    }
  });

  it('refuses what is nested too deep or has too many attributes, early', () => {
    const limits: XmlLimits = { depth: 3, attributes: 2 };
    new XmlScanner('<a><b><c d="" e=""/></b></a>', IDLE, limits).run();
    expect(refusal('<a><b><c><d/></c></b></a>', limits)).to.include({ path: 'a/b/c', column: 10 });
    expect(refusal('<a b="" c="" d=""/>', limits).message).to.match(/more than 2 attributes/);
    expect(refusal('<a>'.repeat(10_000)).message).to.match(/nested more than 100 deep/);
    const attributes = Array.from({ length: 100_000 }, (_, index) => ` a${index}=""`).join('');
    expect(refusal(`<a${attributes}/>`).message).to.match(/more than 200 attributes/);
  });

  it('takes time that grows with the size only, whatever the document', () => {
    const many = Array.from({ length: 200 }, (_, index) => ` a${index}=""`).join('');
    const prefixes = Array.from({ length: 199 }, (_, index) => ` xmlns:p${index}="u${index}"`).join('');
    const shapes: ((times: number) => string)[] = [
      (times) => `<a>${`<b${many}/>`.repeat(times)}</a>`,
      (times) => `<a${prefixes}>${'<p7:b p8:c="" p9:c=""/>'.repeat(times * 50)}</a>`,
      (times) => `<a>${`<b${prefixes}/>`.repeat(times)}</a>`,
      (times) => `<a>${'<b/>'.repeat(times * 300)}</a>`,
      (times) => `<a>${'x&amp;'.repeat(times * 200)}</a>`,
      (times) => `<a b="${'x&#10;'.repeat(times * 200)}"/>`,
      (times) => `<a>${']]x'.repeat(times * 400)}</a>`,
      (times) => `<a>${'<![CDATA[]]>'.repeat(times * 100)}</a>`,
      (times) => `<a>${'<!---->'.repeat(times * 150)}</a>`,
      (times) => `<a>${'<?b?>'.repeat(times * 200)}</a>`,
      (times) => `<a>${'😀x'.repeat(times * 400)}</a>`,
      (times) => `<a>${'\r\n'.repeat(times * 600)}</a>`,
      (times) => `<a>&#${'0'.repeat(times * 1200)}65;</a>`,
      (times) => `<a${' '.repeat(times * 1200)}/>`,
      (times) => `<?xml version="1.0"${' '.repeat(times * 1200)}?><a/>`,
    ];
    for (const shape of shapes) {
      const source = shape(400);
      const scanner = new XmlScanner(source, { ...IDLE, start: (tag) => tag.attributes });
      scanner.textWanted = true;
      const milliseconds = time(() => scanner.run());
      // A linear pass takes some 50 ms at most; the square of it would take minutes.
      expect(milliseconds, source.slice(0, 60)).to.be.below(1000);
    }
  });

  it('is not held up by one token, however long', () => {
    for (const source of [
      `<a>${'x'.repeat(4_000_000)}</a>`,
      `<a b="${'x'.repeat(4_000_000)}"/>`,
      `<a><!--${'東'.repeat(4_000_000)}--></a>`,
    ]) {
      expect(time(() => new XmlScanner(source, IDLE).run())).to.be.below(300);
    }
  });

  it('gives text in pieces that never part a line end or a character, however it is paused', () => {
    const source = '<a>x\r\ny\rz\n😀😀&#x1F600;<![CDATA[\r\n]]>]]&gt;</a>';
    for (let slice = 1; slice < source.length; slice++) {
      const pieces: string[] = [];
      const scanner = new XmlScanner(source, { ...IDLE, text: (piece) => pieces.push(piece) });
      scanner.textWanted = true;
      for (let until = slice; !scanner.run(until); until += slice);
      expect(pieces.join('')).to.equal('x\ny\nz\n😀😀😀\n]]>');
      expect(pieces.every((piece) => !/[\ud800-\udfff]/u.test(piece))).to.equal(true);
    }
  });

  it('tells where tags and attributes stand in the source', () => {
    const source = '<x:a xmlns:x="u"\n b = \'1\'  x:c="2"><d /></x:a >';
    const seen: string[] = [];
    const scanner = new XmlScanner(source, {
      ...IDLE,
      start: (tag) => {
        seen.push(
          source.slice(tag.start, tag.end),
          ...tag.attributes.map(({ start, end }) => source.slice(start, end)),
        );
      },
      end: (start, end) => seen.push(source.slice(start, end)),
    });
    scanner.run();
    const root = '<x:a xmlns:x="u"\n b = \'1\'  x:c="2">';
    expect(seen).to.deep.equal([root, 'xmlns:x="u"', "b = '1'", 'x:c="2"', '<d />', '', '</x:a >']);
  });

  it('normalises values as XML 1.0 §3.3.3 says', () => {
    let attributes: readonly Attribute[] = [];
    const source = '<a b=" x\ty\r\nz\r\n&#10;&#13;&#9;&quot;&#x41; "/>';
    const scanner = new XmlScanner(source, { ...IDLE, start: (tag) => void (attributes = tag.attributes) });
    scanner.run();
    expect(attributes[0]!.value).to.equal(' x y z \n\r\t"A ');
  });

  it('knows which namespaces are in scope', () => {
    const seen: unknown[] = [];
    const scanner: XmlScanner = new XmlScanner('<a xmlns="u" xmlns:p="v"><b xmlns="" xmlns:p="w"/><c/></a>', {
      ...IDLE,
      start: () => seen.push([...scanner.namespaces()], scanner.resolve('xml')?.length, scanner.resolve('q')),
    });
    scanner.run();
    const outer = [['', 'u'], ['p', 'v']]; // prettier-ignore
    const inner = [['', ''], ['p', 'w']]; // prettier-ignore
    expect(seen).to.deep.equal([outer, 36, undefined, inner, 36, undefined, outer, 36, undefined]);
  });
});

describe('escaping', () => {
  const legal = fc
    .string({ unit: 'binary' })
    .filter((text) => !/[\0-\x08\v\f\x0e-\x1f\ud800-\udfff\ufffe\uffff]/u.test(text));

  it('brings every string back as it was, from text and from attributes', () => {
    fc.assert(
      fc.property(legal, (text) => {
        let value: string | undefined;
        let content = '';
        const scanner = new XmlScanner(`<a b="${escapeAttribute(text)}">${escapeText(text)}</a>`, {
          start: (tag) => void (value = tag.attribute('b')),
          text: (piece) => void (content += piece),
          end: () => undefined,
        });
        scanner.textWanted = true;
        scanner.run();
        expect([value, content]).to.deep.equal([text, text]);
      }),
    );
  });

  it('makes U+FFFD of what XML cannot carry', () => {
    expect(escapeText('a\0b\u001fc\ud800d\uffffe')).to.equal('a\ufffdb\ufffdc\ufffdd\ufffde');
    expect(escapeAttribute('\0😀\udc00')).to.equal('\ufffd😀\ufffd');
  });

  it('leaves alone what needs no escape', () => {
    expect(escapeText('plain "text" 東')).to.equal('plain "text" 東');
    expect(escapeText(']]>')).to.equal(']]&gt;');
    expect(escapeAttribute('"\t\n\r<')).to.equal('&quot;&#9;&#10;&#13;&lt;');
  });
});
