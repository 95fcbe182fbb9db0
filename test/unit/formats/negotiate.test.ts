import { expect } from 'chai';
import { offer, preferred, preferredCoding, preferredStreamCoding } from '../../../src/formats/negotiate.js';
import { cpuTime } from '../../support/cpu-time.js';

const OFFERS = [
  offer('atom', 'application/atom+xml;type=feed;charset=utf-8', ['application/xml;charset=utf-8', 'text/xml']),
  offer('json', 'application/json'),
  offer('html', 'text/html;charset=utf-8'),
];

describe('preferred', () => {
  const cases: readonly [accept: string | undefined, wanted: string | undefined][] = [
    [undefined, 'atom'],
    ['', 'atom'],
    ['*/*', 'atom'],
    // Java's HttpURLConnection
    ['text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2', 'html'],
    ['*', 'atom'],
    // browsers
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'html'],
    ['application/json', 'json'],
    ['APPLICATION/JSON', 'json'],
    // what is named goes before what a wildcard takes
    ['application/json, */*', 'json'],
    ['*/*, application/json', 'json'],
    // axios
    ['application/json, text/plain, */*', 'json'],
    ['text/html;q=0.5, */*;q=0.5', 'html'],
    ['text/html;q=0.4, */*;q=0.5', 'atom'],
    ['application/json, application/*', 'json'],
    ['text/xml, */*', 'atom'],
    ['application/json, */*;q=0.9', 'json'],
    ['application/*', 'atom'],
    // an alias is what some call it; no wildcard means it
    ['text/*', 'html'],
    ['text/*, text/xml;q=0.1', 'html'],
    ['text/*;q=0.5, text/xml', 'atom'],
    ['application/xml', 'atom'],
    ['application/xml;charset=utf-8;q=0.1', 'atom'],
    ['application/xml;charset=latin1', undefined],
    ['application/xml;q=0, */*', 'atom'],
    ['application/xml;q=0.2, application/json;q=0.1, application/atom+xml;q=0.1', 'atom'],
    ['application/atom+xml;q=0, application/xml', undefined],
    ['application/atom+xml;q=0, */*', 'json'],
    ['application/atom+xml;q=0, */*, text/html', 'html'],
    ['application/atom+xml;type=entry;q=0, application/xml', 'atom'],
    ['application/*;q=0.1, application/json;q=0.2', 'json'],
    ['application/json;q=0.5, text/html;q=0.7, application/atom+xml;q=0.6', 'html'],
    // between equals our own order decides
    ['text/html, application/json, application/atom+xml', 'atom'],
    // parameters
    ['application/atom+xml;type=feed', 'atom'],
    ['application/atom+xml; TYPE="feed"', 'atom'],
    ['application/atom+xml;type=Feed', 'atom'],
    ['application/atom+xml;type=entry', undefined],
    ['application/atom+xml;type=entry, application/json;q=0.1', 'json'],
    ['application/atom+xml;type=feed;charset=UTF-8', 'atom'],
    ['application/atom+xml;charset=iso-8859-1', undefined],
    ['application/json;charset=utf-8', 'json'],
    ['application/json;charset=utf-16, text/html;q=0.1', 'html'],
    ['application/json;indent=4', undefined],
    ['application/json;note="a,b;q=0", text/html;q=0.2', 'html'],
    // the most specific range gives the quality, whatever its order
    [
      '*/*;q=1, application/atom+xml;q=0.1, application/xml;q=0, text/xml;q=0, application/json;q=0.2, text/html;q=0',
      'json',
    ],
    ['application/atom+xml;q=0.9, application/atom+xml;type=feed;q=0.1, application/json;q=0.5', 'json'],
    [
      '*/*, application/json;q=0, text/html;q=0, application/atom+xml;q=0, application/xml;q=0, text/xml;q=0',
      undefined,
    ],
    // weights
    ['application/json;q=1.000', 'json'],
    ['application/json;q=0', undefined],
    ['application/json;q=0.000', undefined],
    ['application/json;q=2', undefined],
    ['application/json;q=high', undefined],
    ['application/json; q=0.001', 'json'],
    // what is no media range accepts nothing
    ['image/png', undefined],
    ['json', undefined],
    [',,, ;', undefined],
    ['application/json,', 'json'],
    ['application/json;q=0.5;', 'json'],
    ['"', undefined],
  ];
  for (const [accept, wanted] of cases) {
    it(`${String(accept)} → ${wanted ?? 'nothing'}`, () => {
      expect(preferred(accept, OFFERS)).to.equal(wanted);
      // Remembered headers are read the same.
      expect(preferred(accept, OFFERS)).to.equal(wanted);
    });
  }

  it('is quick with a header as long as headers can be', () => {
    const began = cpuTime();
    for (const piece of ['a/b;c="', '","', '\\"', 'a/b;q=0.1,', ';;;;', '"\\']) {
      expect(preferred(piece.repeat(16_000 / piece.length), OFFERS)).to.equal(undefined);
    }
    expect(cpuTime() - began).to.be.lessThan(500);
  });

  it('takes only what is a media type for an offer', () => {
    expect(() => offer('x', 'json')).to.throw('no media type');
    expect(() => offer('x', 'text/html', ['html'])).to.throw('no media type');
  });
});

describe('preferredCoding', () => {
  const cases: readonly [string | undefined, string][] = [
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1, br;q=0.5', 'gzip'],
    ['br;q=0, gzip;q=0.1', 'gzip'],
    ['*', 'br'],
    ['identity, gzip;q=0.5', 'identity'],
    ['gzip;q=0', 'identity'],
    ['zstd', 'identity'],
  ];
  for (const [accepted, coding] of cases) {
    it(`${String(accepted)} → ${coding}`, () => {
      expect(preferredCoding(accepted)).to.equal(coding);
    });
  }
});

describe('preferredStreamCoding', () => {
  const cases: readonly [string | undefined, string][] = [
    [undefined, 'identity'],
    ['', 'identity'],
    ['zstd', 'zstd'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['zstd;q=0.5, gzip;q=0.5', 'zstd'],
    ['zstd;q=0.5, gzip', 'gzip'],
    ['zstd;q=0.5, identity', 'identity'],
    ['zstd;q=0, br', 'br'],
    ['*', 'br'],
    ['*, zstd;q=0', 'br'],
    ['gzip', 'gzip'],
  ];
  for (const [accepted, coding] of cases) {
    it(`${String(accepted)} → ${coding}`, () => {
      expect(preferredStreamCoding(accepted)).to.equal(coding);
    });
  }
});
