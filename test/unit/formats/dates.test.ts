import { expect } from 'chai';
import fc from 'fast-check';
import { isRfc3339, toInstantMs } from '../../../src/formats/dates.js';

describe('dates', () => {
  it('takes every date that JavaScript prints, and gives the same instant', () => {
    fc.assert(
      fc.property(
        fc.date({
          min: new Date('0000-01-01T00:00:00Z'),
          max: new Date('9999-12-31T23:59:59.999Z'),
          noInvalidDate: true,
        }),
        (date) => {
          expect(toInstantMs(date.toISOString())).to.equal(date.getTime());
        },
      ),
    );
  });

  it('takes the examples of RFC 3339 §5.8 and RFC 4287 §3.3', () => {
    const examples = [
      ['1985-04-12T23:20:50.52Z', '1985-04-12T23:20:50.520Z'],
      ['1996-12-19T16:39:57-08:00', '1996-12-20T00:39:57.000Z'],
      ['1937-01-01T12:00:27.87+00:20', '1937-01-01T11:40:27.870Z'],
      ['2003-12-13T18:30:02.25+01:00', '2003-12-13T17:30:02.250Z'],
      ['2003-12-13T18:30:02-00:00', '2003-12-13T18:30:02.000Z'],
      ['2024-02-29T00:00:00.123456789Z', '2024-02-29T00:00:00.123Z'],
    ] as const;
    for (const [text, instant] of examples) {
      expect(new Date(toInstantMs(text)!).toISOString(), text).to.equal(instant);
    }
  });

  it('takes a leap second at the end of a UTC month, wherever it is told from', () => {
    expect(toInstantMs('1990-12-31T23:59:60Z')).to.equal(Date.UTC(1991, 0, 1) - 1);
    expect(toInstantMs('1990-12-31T15:59:60-08:00')).to.equal(Date.UTC(1991, 0, 1) - 1);
    expect(toInstantMs('2016-12-31T23:59:60.7Z')).to.equal(Date.UTC(2017, 0, 1) - 1);
    expect(toInstantMs('2015-07-01T01:59:60+02:00')).to.equal(Date.UTC(2015, 6, 1) - 1);
  });

  it('keeps the order around a leap second', () => {
    const instants = ['2016-12-31T23:59:59Z', '2016-12-31T23:59:60Z', '2017-01-01T00:00:00Z'].map((text) =>
      toInstantMs(text)!,
    );
    expect(instants).to.deep.equal(instants.toSorted((one, other) => one - other));
    expect(new Set(instants).size).to.equal(3);
  });

  it('refuses second 60 where no leap second can be', () => {
    for (const text of [
      '2016-12-31T22:59:60Z',
      '2016-12-30T23:59:60Z',
      '1990-12-31T23:59:60-08:00',
      '2016-12-31T23:59:61Z',
    ]) {
      expect(isRfc3339(text), text).to.equal(false);
    }
  });

  it('knows how many days a month has', () => {
    for (const text of ['2024-02-29', '2000-02-29', '2023-12-31', '2023-04-30']) {
      expect(isRfc3339(`${text}T00:00:00Z`), text).to.equal(true);
    }
    for (const text of [
      '2023-02-29',
      '1900-02-29',
      '2023-04-31',
      '2023-13-01',
      '2023-00-10',
      '2023-01-00',
      '2023-01-32',
    ]) {
      expect(isRfc3339(`${text}T00:00:00Z`), text).to.equal(false);
    }
  });

  it('refuses what is nearly a date', () => {
    const nearly = [
      '', '2024-03-11', '2024-03-11T15:00:09', '2024-03-11T15:00Z', '2024-03-11t15:00:09Z', '2024-03-11T15:00:09z', '2024-03-11 15:00:09Z',
      ' 2024-03-11T15:00:09Z', '2024-03-11T15:00:09Z\n', '2024-03-11T15:00:09.Z', '2024-03-11T15:00:09,5Z', '2024-03-11T24:00:00Z',
      '2024-03-11T15:60:09Z', '2024-03-11T15:00:09+24:00', '2024-03-11T15:00:09+01:60', '2024-03-11T15:00:09+0100', '2024-3-11T15:00:09Z',
      '12024-03-11T15:00:09Z', '+2024-03-11T15:00:09Z', '２０２４-03-11T15:00:09Z', 'Mon, 11 Mar 2024 15:00:09 GMT',
    ]; // prettier-ignore
    for (const text of nearly) expect(isRfc3339(text), JSON.stringify(text)).to.equal(false);
  });
});
