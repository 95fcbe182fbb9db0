import { expect } from 'chai';
import { request as httpRequest } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { AT, childOf, childrenOf, linkHeaderOf, readFeed } from '../support/atom.js';
import { anEntry, anId } from '../support/build.js';
import { deleteFeed } from '../support/deletion.js';
import { inOrder, page, post, publish, publishAll, publishSome, raiseFloor, walk } from '../support/publish.js';

describe('the pages of a feed', () => {
  let app: TestApp;
  let feed: string;
  let ids: string[];

  before(async () => {
    app = await startApp();
    feed = await app.feed('pages', { public: true });
    ids = await publishSome(app, feed, 60);
  });
  after(() => app.stop());

  const newestFirst = (from: number, to: number): string[] => ids.slice(from - 1, to).toReversed();
  const statusOf = async (query: string, headers: Record<string, string> = {}): Promise<number> => {
    const response = await app.request(`${feed}${query}`, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  const problemOf = async (query: string): Promise<Record<string, unknown>> => {
    const response = await app.request(`${feed}${query}`);
    expect(response.headers.get('content-type')).to.equal('application/problem+json');
    return (await response.json()) as Record<string, unknown>;
  };

  describe('limit', () => {
    it('is 25 when it is not given, and the newest come first', async () => {
      expect((await page(app, feed)).ids).to.deep.equal(newestFirst(36, 60));
    });

    for (const [limit, count] of [
      [1, 1],
      [2, 2],
      [60, 60],
      [1000, 60],
    ] as const) {
      it(`of ${String(limit)} gives ${String(count)} of 60 entries`, async () => {
        expect((await page(app, `${feed}?limit=${String(limit)}`)).ids).to.deep.equal(newestFirst(61 - count, 60));
      });
    }

    for (const limit of ['0', '1001', '-1', '1.5', 'ten', '1e3', '+5', '0x10', '%20', '99999999999999999999']) {
      it(`"${limit}" is refused`, async () => {
        expect(await problemOf(`?limit=${limit}`)).to.include({
          status: 400,
          type: 'urn:millrace:problem:bad-parameter',
        });
      });
    }

    it('that is refused is refused to a reader with a matching tag too', async () => {
      const { etag } = await page(app, feed);
      for (const tag of [etag, '*']) expect(await statusOf('?limit=0', { 'if-none-match': tag })).to.equal(400);
    });
  });

  describe('a marker', () => {
    it('that is a position gives the next entries after it, without its own', async () => {
      expect((await page(app, `${feed}?marker=10&limit=5`)).ids).to.deep.equal(newestFirst(11, 15));
      expect((await page(app, `${feed}?marker=10&limit=5&direction=forward`)).ids).to.deep.equal(newestFirst(11, 15));
    });

    it('gives itself and older ones backward', async () => {
      expect((await page(app, `${feed}?marker=10&limit=5&direction=backward`)).ids).to.deep.equal(newestFirst(6, 10));
    });

    it('of 0 is the place before the first entry', async () => {
      expect((await page(app, `${feed}?marker=0&limit=3`)).ids).to.deep.equal(newestFirst(1, 3));
      const before = await page(app, `${feed}?marker=0&direction=backward`);
      expect(before.ids).to.deep.equal([]);
      expect(before.links.has('next')).to.equal(false);
    });

    it('of the head gives an empty page whose previous is the same place', async () => {
      const end = await page(app, `${feed}?marker=60`);
      expect(end.ids).to.deep.equal([]);
      expect(end.links.get('previous')).to.equal(`${app.url}${feed}?marker=60&direction=forward`);
      expect(end.links.get('next')).to.equal(`${app.url}${feed}?marker=60&direction=backward`);
    });

    it('may be written with leading zeros', async () => {
      expect((await page(app, `${feed}?marker=0058`)).ids).to.deep.equal(newestFirst(59, 60));
    });

    for (const direction of ['forward', 'backward']) {
      for (const marker of ['61', '999999999999999999']) {
        it(`of ${marker} in a log of 60 is refused with the last common place, ${direction}`, async () => {
          expect(await problemOf(`?marker=${marker}&direction=${direction}`)).to.include({
            status: 409,
            type: 'urn:millrace:problem:marker-beyond-log',
            lastCommon: 60,
          });
        });
      }
    }

    it('from beyond is refused to a reader with a matching tag too', async () => {
      const { etag } = await page(app, feed);
      for (const tag of [etag, '*']) expect(await statusOf('?marker=61', { 'if-none-match': tag })).to.equal(409);
    });

    it('of 19 digits is refused', async () => {
      expect(await problemOf('?marker=9999999999999999999')).to.include({ status: 400 });
    });

    it('of an epoch that this log never had is refused', async () => {
      expect(await problemOf('?marker=5&epoch=abcdef01')).to.include({ status: 409, lastCommon: 0 });
      expect((await page(app, `${feed}?marker=5&epoch=&limit=1`)).ids).to.deep.equal([ids[5]]);
    });

    it('that is an entry id stands for its position', async () => {
      const marker = encodeURIComponent(ids[9] ?? '');
      expect((await page(app, `${feed}?marker=${marker}&limit=2`)).ids).to.deep.equal(newestFirst(11, 12));
      expect((await page(app, `${feed}?marker=${marker}&limit=2&direction=backward`)).ids).to.deep.equal(
        newestFirst(9, 10),
      );
    });

    it('that is no entry of the feed is 404, with a matching tag too', async () => {
      expect(await problemOf('?marker=urn:test:nobody')).to.include({ type: 'urn:millrace:problem:unknown-marker' });
      const { etag } = await page(app, feed);
      for (const tag of [etag, '*']) {
        expect(await statusOf('?marker=urn:test:nobody', { 'if-none-match': tag })).to.equal(404);
      }
    });

    it('of garbage is a 4xx', async () => {
      for (const marker of ['%00', 'a%0Ab', '-1', '1.0', '%zz', '%ff', 'x'.repeat(2_000)]) {
        expect(await statusOf(`?marker=${marker}`), marker).to.be.within(400, 404);
      }
    });

    it('"last" gives the oldest page', async () => {
      expect((await page(app, `${feed}?marker=last&limit=4`)).ids).to.deep.equal(newestFirst(1, 4));
      expect((await page(app, `${feed}?marker=last&limit=4&direction=backward`)).ids).to.deep.equal(newestFirst(1, 4));
    });

    for (const id of [
      'http://example.org/a/b//c/?q=1&r=2#frag',
      'http://example.org/1+1',
      'http://example.org/100%25/a%20b',
      'http://example.org/%C3%A9',
      'urn:x:ünïcode-日本-😀',
      'tag:example.org,2026:/a/',
      "urn:x:(odd)'!*;:@$,~",
    ]) {
      it(`that is the id ${id} is found encoded, and as it stands where a URL can carry it`, async () => {
        const odd = await app.feed(`odd-${Buffer.from(id).toString('hex')}`.slice(0, 100));
        await publish(app, odd, { id });
        const newer = await publish(app, odd);
        expect((await page(app, `${odd}?marker=${encodeURIComponent(id)}`)).ids).to.deep.equal([newer]);
        if (/[#&]/.test(id)) return;
        expect((await page(app, `${odd}?marker=${id}`)).ids).to.deep.equal([newer]);
      });
    }
  });

  describe('parameters', () => {
    it('that are empty are absent ones', async () => {
      const empty = await page(app, `${feed}?limit=&marker=&direction=&startingAt=&search=`);
      expect(empty.ids).to.deep.equal(newestFirst(36, 60));
    });

    it('that are given twice are refused, but an empty one beside a full one is not', async () => {
      for (const twice of [
        'limit=1&limit=2',
        'marker=1&marker=2',
        'search=%2Ba&search=%2Ba',
        'direction=forward&direction=forward',
      ]) {
        expect(await statusOf(`?${twice}`), twice).to.equal(400);
      }
      expect((await page(app, `${feed}?limit=&limit=2`)).ids).to.have.length(2);
    });

    it('that are not ours are passed over', async () => {
      expect((await page(app, `${feed}?utm_source=x&limit=2&__proto__=1&%zz`)).ids).to.have.length(2);
    });

    it('name a direction that is forward or backward', async () => {
      expect(await statusOf('?marker=1&direction=sideways')).to.equal(400);
      expect((await page(app, `${feed}?direction=forward`)).ids).to.deep.equal(newestFirst(36, 60));
      expect((await page(app, `${feed}?direction=backward`)).ids).to.deep.equal(newestFirst(36, 60));
    });
  });

  describe('startingAt', () => {
    let timed: string;
    let recorded: string[];
    let three: string[];

    before(async () => {
      timed = await app.feed('timed');
      three = [await publish(app, timed), await publish(app, timed), await publish(app, timed)];
      const { entries } = await page(app, timed);
      recorded = entries.map((entry) => childOf(entry, 'edited', 'http://www.w3.org/2007/app').text).toReversed();
    });

    it('gives the entries recorded at or after the time, the first included', async () => {
      const since = async (time = ''): Promise<string[]> =>
        (await page(app, `${timed}?startingAt=${encodeURIComponent(time)}`)).ids;
      expect(await since(recorded[1])).to.deep.equal([three[2], three[1]]);
      expect(await since(recorded[1]?.replace('Z', '001Z'))).to.deep.equal([three[2]]);
      expect(await since('1999-01-01T00:00:00Z')).to.deep.equal(three.toReversed());
      expect(await since('0000-01-01T00:00:00+14:00')).to.deep.equal(three.toReversed());
    });

    it('in the future gives an empty page that polls on from the head', async () => {
      const { ids: none, links } = await page(app, `${timed}?startingAt=9999-12-31T23:59:60Z`);
      expect(none).to.deep.equal([]);
      expect(links.get('previous')).to.equal(`${app.url}${timed}?marker=3&direction=forward`);
    });

    it('in the future shows nothing that another node has published meanwhile', async () => {
      const other = await startApp({ database: app.database });
      try {
        const path = await app.feed('two-nodes');
        for (let round = 0; round < 10; round += 1) {
          await page(app, path);
          await publish(other, path);
          expect((await page(app, `${path}?startingAt=2999-01-01T00:00:00Z`)).ids).to.deep.equal([]);
        }
      } finally {
        await other.stop();
      }
    });

    it('backward gives those recorded at or before the time, the newest first', async () => {
      const until = async (time = '', limit = 25): Promise<string[]> => {
        const query = `startingAt=${encodeURIComponent(time)}&direction=backward&limit=${String(limit)}`;
        return (await page(app, `${timed}?${query}`)).ids;
      };
      expect(await until(recorded[1])).to.deep.equal([three[1], three[0]]);
      expect(await until(recorded[1], 1)).to.deep.equal([three[1]]);
      expect(await until('1999-01-01T00:00:00Z')).to.deep.equal([]);
      expect(await until('9999-01-01T00:00:00Z')).to.deep.equal(three.toReversed());
      expect(await until('9999-12-31T23:59:59.9999999-23:59')).to.deep.equal(three.toReversed());
    });

    it('backward from the future shows what comes in the meantime', async () => {
      const path = await app.feed('until');
      await publish(app, path);
      const url = `${path}?startingAt=2999-01-01T00:00:00Z&direction=backward`;
      const { etag, links } = await page(app, url);
      expect((await page(app, links.get('self') ?? '')).ids).to.have.length(1);
      await publish(app, path);
      expect((await page(app, url, { 'if-none-match': etag })).ids).to.have.length(2);
    });

    it('takes an offset whose + was not encoded', async () => {
      const utc = new Date(recorded[1] ?? '').getTime();
      const local = new Date(Math.floor(utc / 1000) * 1000 + 3_600_000).toISOString().replace('.000Z', '+01:00');
      expect((await page(app, `${timed}?startingAt=${local}`)).ids).to.include(three[1]);
    });

    it('beside a marker is refused', async () => {
      expect(await statusOf('?startingAt=2026-01-01T00:00:00Z&marker=1')).to.equal(400);
    });

    it('that is no RFC 3339 time is refused', async () => {
      for (const time of ['yesterday', '2026-01-01', '2026-13-01T00:00:00Z', '2026-01-01T00:00:00', '1']) {
        expect(await statusOf(`?startingAt=${time}`), time).to.equal(400);
      }
    });

    it('is kept in self, and pages on', async () => {
      const first = await page(app, `${timed}?startingAt=${encodeURIComponent(recorded[0] ?? '')}&limit=1`);
      expect(first.ids).to.deep.equal([three[0]]);
      expect((await page(app, first.links.get('self') ?? '')).ids).to.deep.equal([three[0]]);
      expect((await page(app, first.links.get('previous') ?? '')).ids).to.deep.equal([three[1]]);
    });
  });

  describe('links', () => {
    it('lead from the head to itself, the oldest page, newer and older ones, without a first', async () => {
      const { links } = await page(app, feed);
      const url = `${app.url}${feed}`;
      expect(Object.fromEntries(links)).to.deep.equal({
        self: url,
        current: url,
        last: `${url}?marker=last`,
        previous: `${url}?marker=60&direction=forward`,
        next: `${url}?marker=35&direction=backward`,
        'prev-archive': `${url}/archive/2`,
        // The last of three; test/http/feed-readers.test.ts follows them all.
        alternate: `${url}?format=html`,
      });
    });

    it('do not lead from what a search has found to the archive of the whole feed', async () => {
      const { links } = await page(app, `${feed}?search=%2Bno-such-term`);
      expect(links.has('prev-archive')).to.equal(false);
    });

    it('lead from every other page to the first', async () => {
      for (const query of ['?marker=10', '?marker=last', '?marker=60', '?startingAt=1999-01-01T00:00:00Z']) {
        expect((await page(app, `${feed}${query}`)).links.get('first'), query).to.equal(`${app.url}${feed}`);
      }
    });

    it('carry limit and search, and stand in the Link header too', async () => {
      const found = await page(app, `${feed}?limit=7&search=%28%21%28cat%3Dx%29%29&marker=30`);
      for (const rel of ['self', 'previous', 'next', 'first', 'last']) {
        const url = new URL(found.links.get(rel) ?? '');
        expect(url.searchParams.get('limit'), rel).to.equal('7');
        expect(url.searchParams.get('search'), rel).to.equal('(!(cat=x))');
      }
      expect(linkHeaderOf(found.headers)).to.deep.equal(found.links);
    });

    it('in the header are not so long that a client cannot take them', async () => {
      const search = Array.from(
        { length: 60 },
        (_, index) => `+type:a.long.category.term.of.a.service.${String(index)}`,
      );
      const { headers, links } = await page(app, `${feed}?search=${encodeURIComponent(search.join(''))}`);
      expect((headers.get('link') ?? '').length).to.be.below(4_100);
      expect(linkHeaderOf(headers).get('previous')).to.equal(links.get('previous'));
      expect(links.get('previous')).to.include('service.59');
    });

    it('are built from the configured base, never from the Host header', async () => {
      const xml = await new Promise<string>((resolve, reject) => {
        const { hostname, port } = new URL(app.url);
        const sent = httpRequest({ hostname, port, path: feed, headers: { host: 'evil.example' } }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(text));
        });
        sent.on('error', reject);
        sent.end();
      });
      expect(xml).to.include(`${app.url}${feed}`);
      expect(xml).not.to.include('evil.example');
    });

    it('of self give the same page again', async () => {
      for (const query of [
        '?marker=10&limit=3',
        '?marker=10&direction=backward',
        '?marker=last',
        `?marker=${ids[4] ?? ''}`,
      ]) {
        const one = await page(app, `${feed}${query}`);
        expect((await page(app, one.links.get('self') ?? '')).xml).to.equal(one.xml);
      }
    });
  });

  describe('an empty feed', () => {
    it('is a valid feed with all its links and a tag', async () => {
      const path = await app.feed('empty', {
        title: 'Nothing & <more>',
        author: { name: 'Nobody', email: 'n@example.org' },
      });
      const { root, links, etag } = await page(app, path);
      expect(childOf(root, 'id').text).to.match(/^urn:uuid:[0-9a-f-]{36}$/);
      expect(childOf(root, 'title').text).to.equal('Nothing & <more>');
      expect(Date.parse(childOf(root, 'updated').text)).to.be.closeTo(Date.now(), 60_000);
      expect(childOf(childOf(root, 'author'), 'name').text).to.equal('Nobody');
      expect([...links.keys()].toSorted()).to.deep.equal(['alternate', 'current', 'last', 'previous', 'self']);
      expect((await app.request(path, { headers: { 'if-none-match': etag } })).status).to.equal(304);
    });

    it('keeps its id, and another feed has another', async () => {
      const [one, two] = [await app.feed('id-1'), await app.feed('id-2')];
      const idOf = async (path: string): Promise<string> => childOf((await page(app, path)).root, 'id').text;
      const first = await idOf(one);
      await publish(app, one);
      expect(await idOf(one)).to.equal(first);
      expect(await idOf(`${one}?marker=1`)).to.equal(first);
      expect(await idOf(two)).not.to.equal(first);
    });

    for (const limit of [undefined, 1]) {
      for (const search of ['', '%2Bodd', '%28%21%28cat%3Dodd%29%29', '%28cat%3Dtid%3A1%2A%29']) {
        it(`followed by previous shows each entry once, in order (limit ${String(limit)}, search "${search}")`, async () => {
          const name = `follow-${String(limit)}-${search.replaceAll('%', '')}`;
          const path = await app.feed(name);
          const query = [limit === undefined ? '' : `limit=${String(limit)}`, search === '' ? '' : `search=${search}`];
          let url = `${path}?${query.join('&')}`;
          const seen: string[] = [];
          const published: string[] = [];
          const poll = async (): Promise<void> => {
            for (;;) {
              const { ids: found, links } = await page(app, url);
              seen.push(...found.toReversed());
              const previous = links.get('previous') ?? '';
              if (found.length === 0 && previous === url) return;
              url = previous;
            }
          };
          await poll();
          for (const count of [1, 3, 26, 0]) {
            const some = Array.from({ length: count }, (_, index) => ({
              id: anId(),
              categories: [index % 2 === 0 ? 'even' : 'odd', `tid:${String(index)}`],
            }));
            if (count > 0) await publishAll(app, path, some);
            published.push(
              ...some
                .filter(({ categories: [parity = '', tenant = ''] }) => {
                  if (search.includes('21')) return parity === 'even';
                  if (search.includes('odd')) return parity === 'odd';
                  return search === '' || tenant.startsWith('tid:1');
                })
                .map(({ id }) => id),
            );
            await poll();
          }
          expect(seen).to.deep.equal(published);
        });
      }
    }
  });

  describe('walks', () => {
    for (const limit of [1, 7, 25, 60, 1000]) {
      it(`by next from the head, and by last and previous, cover all 60 entries (limit ${String(limit)})`, async () => {
        const back = await walk(app, `${feed}?limit=${String(limit)}`, 'next');
        expect(inOrder(back, 'next')).to.deep.equal(ids);
        const { links } = await page(app, `${feed}?limit=${String(limit)}`);
        expect(inOrder(await walk(app, links.get('last') ?? '', 'previous'), 'previous')).to.deep.equal(ids);
        expect(back.at(-1)?.links.has('next')).to.equal(false);
      });
    }
  });

  describe('searches', () => {
    let searched: string;
    let of: Record<string, string>;

    before(async () => {
      searched = await app.feed('searched');
      of = {
        plain: await publish(app, searched, { categories: ['Order.Created', 'tid:Abc'] }),
        plus: await publish(app, searched, { categories: ['a+b', 'rgn:ORD'] }),
        odd: await publish(app, searched, { categories: ['x(y)*\\z', 'tid:abc'] }),
        none: await publish(app, searched),
      };
    });

    for (const [search, found] of [
      ['+order.created', ['plain']],
      [' order.created', ['plain']],
      ['+order.created+rgn:ord', ['plus', 'plain']],
      ['+a\\+b', ['plus']],
      ['(cat=ORDER.CREATED)', ['plain']],
      ['(cat=tid:Abc)', ['plain']],
      ['(cat=tid:abc)', ['odd']],
      ['(cat=TID:abc)', ['odd']],
      ['(cat=tid:*)', ['odd', 'plain']],
      ['(cat=tid:a*)', ['odd']],
      ['(cat=x\\(y\\)\\*\\\\z)', ['odd']],
      ['(&(cat=tid:Abc)(cat=order.created))', ['plain']],
      ['(AND(cat=tid:Abc)(NOT(cat=order.created)))', []],
      ['(|(cat=a+b)(cat=tid:abc))', ['odd', 'plus']],
      ['(OR(cat=a+b)(cat=tid:abc))', ['odd', 'plus']],
      ['(!(cat=tid:*))', ['none', 'plus']],
      ['(cat=nothing)', []],
    ] as const) {
      it(`${search} finds ${found.length === 0 ? 'nothing' : found.join(' and ')}`, async () => {
        const { ids: matched } = await page(app, `${searched}?search=${encodeURIComponent(search)}`);
        expect(matched).to.deep.equal(found.map((name) => of[name]));
      });
    }

    it('take a + that the client did not encode', async () => {
      expect((await page(app, `${searched}?search=+order.created+rgn:ord`)).ids).to.deep.equal([
        of['plus'],
        of['plain'],
      ]);
    });

    it('that are wrong are 400 and name the place', async () => {
      for (const search of ['order', '(cat=a', '(cat=)', '(&)', '(cat=a)x', '+a\\', '(dog=x)', '(cat=a\u0000)']) {
        const response = await app.request(`${searched}?search=${encodeURIComponent(search)}`);
        const problem = (await response.json()) as { status: number; type: string; detail: string };
        expect(problem, search).to.include({ status: 400, type: 'urn:millrace:problem:bad-search' });
        expect(problem.detail, search).to.match(/character \d+/);
      }
    });

    it('that match nothing give an empty page whose previous has passed all that was examined', async () => {
      for (const search of ['+nothing', '(!(|(cat=a*)(!(cat=a*))))']) {
        const { links } = await page(app, `${searched}?search=${encodeURIComponent(search)}`);
        expect(links.get('previous')).to.include('marker=4&');
        expect(links.has('next')).to.equal(false);
      }
    });
  });

  describe('searches over more than one stretch', function () {
    this.timeout(60_000);
    let long: string;
    let all: string[];
    const rare = (index: number): boolean => index % 1_700 === 3 || index === 5_000 || index === 5_001;

    before(async () => {
      long = await app.feed('long');
      all = await publishAll(
        app,
        long,
        Array.from({ length: 12_003 }, (_, index) => ({
          categories: ['often', ...(rare(index) ? ['rare', 'type:rare.one'] : [])],
        })),
      );
    });

    for (const [search, limit] of [
      ['(&(cat=often)(cat=rare))', 25],
      ['(&(cat=often)(cat=rare))', 1],
      ['(cat=type:rare*)', 3],
      ['(!(cat=often))', 25],
      ['+rare', 2],
      ['(cat=type:*)', 2],
    ] as const) {
      it(`${search} is found whole, once and in order, both ways (limit ${String(limit)})`, async () => {
        const expected = all.filter((_, index) => {
          return search !== '(!(cat=often))' && rare(index);
        });
        const query = `?search=${encodeURIComponent(search)}&limit=${String(limit)}`;
        expect(inOrder(await walk(app, `${long}${query}`, 'next'), 'next')).to.deep.equal(expected);
        expect(inOrder(await walk(app, `${long}${query}&marker=last`, 'previous'), 'previous')).to.deep.equal(expected);
      });
    }

    it('may be empty in between, but name the way on', async () => {
      const { ids: none, links } = await page(
        app,
        `${long}?search=${encodeURIComponent('(&(cat=often)(cat=nowhere))')}`,
      );
      expect(none).to.deep.equal([]);
      expect(links.get('next')).to.include('marker=7003&');
      expect(links.get('previous')).to.include('marker=12003&');
    });
  });

  describe('on an editable feed', () => {
    it('a page shows the current revisions and tombstones at their new places', async () => {
      const path = await app.feed('edited', { editable: true });
      const [a = '', b = '', c = ''] = await publishAll(app, path, [{}, { categories: ['x'] }, { categories: ['x'] }]);
      const member = (id: string): string => `${path}/entries/${encodeURIComponent(id)}`;
      const { headers } = await app.request(member(a));
      const put = await app.request(member(a), {
        method: 'PUT',
        headers: { 'content-type': 'application/atom+xml', 'if-match': headers.get('etag') ?? '' },
        body: anEntry({ id: a, categories: ['x'], title: 'second' }),
      });
      expect(put.status).to.equal(200);
      expect((await app.request(member(b), { method: 'DELETE' })).status).to.equal(204);

      const whole = await page(app, path);
      expect(whole.ids).to.deep.equal([`-${b}`, a, c]);
      const [dead] = childrenOf(whole.root, 'deleted-entry', AT);
      expect(Date.parse(dead?.attributes['when'] ?? '')).to.be.closeTo(Date.now(), 60_000);
      for (const search of ['+x', '(&(cat=x)(!(cat=y)))']) {
        const query = `?search=${encodeURIComponent(search)}`;
        expect((await page(app, `${path}${query}`)).ids, search).to.deep.equal([`-${b}`, a, c]);
        expect((await page(app, `${path}${query}&limit=1`)).ids, search).to.deep.equal([`-${b}`, a]);
      }
      expect((await page(app, `${path}?marker=3`)).ids).to.deep.equal([`-${b}`, a]);
      expect((await page(app, `${path}?marker=${b}&direction=backward`)).ids).to.deep.equal([`-${b}`, a, c]);
      expect(inOrder(await walk(app, `${path}?limit=1`, 'next'), 'next')).to.deep.equal([c, a, `-${b}`]);
      expect(inOrder(await walk(app, `${path}?limit=1&marker=0`, 'previous'), 'previous')).to.deep.equal([
        c,
        a,
        `-${b}`,
      ]);
    });

    it('walks past hundreds of tombstones end and miss nothing', async () => {
      const path = await app.feed('graveyard', { editable: true });
      const dead = await publishSome(app, path, 130);
      const live = await publishSome(app, path, 3);
      await Promise.all(dead.map((id) => app.request(`${path}/entries/${id}`, { method: 'DELETE' })));
      const tail = await publishSome(app, path, 2);
      const tombstones = (await page(app, `${path}?limit=1000&marker=133`)).ids.slice(2);
      expect(tombstones.toSorted()).to.deep.equal(dead.map((id) => `-${id}`).toSorted());
      const expected = [...live, ...tombstones.toReversed(), ...tail];
      for (const query of ['?limit=2', '?limit=25', '?limit=2&search=%28%21%28cat%3Dx%29%29']) {
        expect(inOrder(await walk(app, `${path}${query}`, 'next'), 'next'), query).to.deep.equal(expected);
        const forward = await walk(app, `${path}${query}&marker=0`, 'previous');
        expect(inOrder(forward, 'previous'), query).to.deep.equal(expected);
      }
    });
  });

  describe('after retention', () => {
    let kept: string;
    let keptIds: string[];

    before(async () => {
      kept = await app.feed('kept');
      keptIds = await publishSome(app, kept, 70);
      await raiseFloor(app, kept, 26);
    });

    it('a reader whose place is gone goes on from the oldest entry kept, and is told so', async () => {
      for (const marker of [0, 10, 24]) {
        const { ids: found, headers, links } = await page(app, `${kept}?marker=${String(marker)}&limit=3`);
        expect(found).to.deep.equal(keptIds.slice(25, 28).toReversed());
        expect(headers.get('millrace-gap')).to.equal(`${String(marker + 1)}-25`);
        expect(links.get('urn:millrace:gap')).to.equal(`${app.url}${kept}?marker=last&limit=3`);
      }
    });

    it('a reader who has missed nothing is not', async () => {
      for (const marker of ['25', '26', '70', 'last']) {
        const { headers, links } = await page(app, `${kept}?marker=${marker}`);
        expect(headers.get('millrace-gap'), marker).to.equal(null);
        expect(links.has('urn:millrace:gap')).to.equal(false);
      }
    });

    it('walks end at the floor', async () => {
      expect(inOrder(await walk(app, `${kept}?limit=10`, 'next'), 'next')).to.deep.equal(keptIds.slice(25));
      expect(inOrder(await walk(app, `${kept}?limit=10&marker=last`, 'previous'), 'previous')).to.deep.equal(
        keptIds.slice(25),
      );
    });

    it('backward from a place that is gone there is nothing, and it is said', async () => {
      const { ids: none, headers, links } = await page(app, `${kept}?marker=10&direction=backward`);
      expect(none).to.deep.equal([]);
      expect(headers.get('millrace-gap')).to.equal('1-25');
      expect(links.has('next')).to.equal(false);
      expect((await page(app, links.get('previous') ?? '')).ids.at(-1)).to.equal(keptIds[25]);
    });

    it('the id of an entry that is gone is an unknown one', async () => {
      const response = await app.request(`${kept}?marker=${keptIds[3] ?? ''}`);
      expect(response.status).to.equal(404);
      expect((await app.request(`${kept}/entries/${keptIds[3] ?? ''}`)).status).to.equal(404);
    });
  });

  describe('conditional requests', () => {
    it('give 304 to the tag of each page until the next entry comes', async () => {
      const path = await app.feed('tags');
      await publishSome(app, path, 30);
      const queries = [
        '',
        '?limit=2',
        '?marker=30',
        '?marker=10',
        '?search=%2Bx',
        '?marker=last&limit=5',
        '?startingAt=1999-01-01T00:00:00Z',
      ];
      const check = async (query: string, etag: string): Promise<number> => {
        const response = await app.request(`${path}${query}`, { headers: { 'if-none-match': etag } });
        await response.arrayBuffer();
        return response.status;
      };
      const tags = new Map<string, string>();
      for (const query of queries) {
        const { etag } = await page(app, `${path}${query}`);
        expect(etag).to.match(/^"[!-~]+"$/);
        tags.set(query, etag);
        for (const list of [etag, `W/${etag}`, `"x", ${etag}`, `W/"y" ,\t"z",${etag},`, '*', ' * ']) {
          expect(await check(query, list), `${query} ${list}`).to.equal(304);
        }
        for (const list of ['"x"', etag.slice(1, -1), 'W/"x", "y"', '']) {
          expect(await check(query, list), `${query} ${list}`).to.equal(200);
        }
      }
      const pages = new Map(
        await Promise.all(queries.map(async (query) => [query, await page(app, `${path}${query}`)] as const)),
      );
      await publish(app, path, { categories: ['x'] });
      for (const query of queries) {
        const now = await page(app, `${path}${query}`);
        const same = now.xml === pages.get(query)?.xml;
        const status = await check(query, tags.get(query) ?? '');
        // What is told to be unchanged is.
        if (status === 304) expect(same, query).to.equal(true);
        else expect(now.etag, query).not.to.equal(tags.get(query));
      }
      expect(await check('?marker=last&limit=5', tags.get('?marker=last&limit=5') ?? '')).to.equal(304);
    });

    it('are false after a change of the settings', async () => {
      const path = await app.feed('renamed', { title: 'one' });
      const { etag } = await page(app, path);
      await app.feed('renamed', { title: 'two' });
      const after = await app.request(path, { headers: { 'if-none-match': etag } });
      expect(after.status).to.equal(200);
      expect(childOf((await readFeed(after)).root, 'title').text).to.equal('two');
    });

    it('are false when the name of a deleted feed is used again', async () => {
      const idOf = async (path: string): Promise<string> => childOf((await page(app, path)).root, 'id').text;
      for (const count of [0, 30]) {
        const name = `reborn-${String(count)}`;
        const path = await app.feed(name);
        if (count > 0) await publishSome(app, path, count);
        const tags = new Set<string>();
        const feedIds = new Set<string>();
        for (let life = 0; life < 3; life += 1) {
          for (const query of ['', '?marker=last']) {
            const { etag } = await page(app, path + query);
            for (const tag of tags) {
              expect((await app.request(path + query, { headers: { 'if-none-match': tag } })).status).to.equal(200);
            }
            if (query !== '') tags.add(etag);
          }
          feedIds.add(await idOf(path));
          expect((await deleteFeed(app, path, { purge: true })).status).to.equal(204);
          expect((await app.request(path)).status).to.equal(404);
          await app.feed(name);
        }
        expect(feedIds.size).to.equal(3);
      }
    });

    it('with a tag from beyond the log are refused', async () => {
      const { etag } = await page(app, feed);
      const beyond = etag.replace('-h60-', '-h61-');
      expect(beyond).not.to.equal(etag);
      expect(await statusOf('', { 'if-none-match': beyond })).to.equal(409);
    });

    it('answer 304 with the tag, the caching and the Vary of the 200, and no body', async () => {
      for (const coding of ['identity', 'gzip', 'br']) {
        for (const path of [feed, `${feed}?marker=60`, await app.feed('small', { public: true })]) {
          const headers = { 'accept-encoding': coding };
          const ok = await app.request(path, { headers });
          await ok.arrayBuffer();
          const etag = ok.headers.get('etag') ?? '';
          const not = await app.request(path, { headers: { ...headers, 'if-none-match': etag } });
          expect(not.status).to.equal(304);
          expect(await not.text()).to.equal('');
          for (const name of ['etag', 'cache-control', 'vary']) {
            expect(not.headers.get(name), `${path} ${coding} ${name}`).to.equal(ok.headers.get(name));
          }
          expect(not.headers.has('content-length')).to.equal(false);
        }
      }
    });
  });

  describe('codings', () => {
    it('are gzip, brotli or none as the client prefers, with a tag each and the same content', async () => {
      const plain = await page(app, feed, { 'accept-encoding': 'identity' });
      const raw = (accept: string): Promise<{ coding: string; body: Buffer; etag: string }> =>
        new Promise((resolve, reject) => {
          const sent = httpRequest(`${app.url}${feed}`, { headers: { 'accept-encoding': accept } }, (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('end', () =>
              resolve({
                coding: response.headers['content-encoding'] ?? '',
                body: Buffer.concat(chunks),
                etag: response.headers.etag ?? '',
              }),
            );
          });
          sent.on('error', reject);
          sent.end();
        });
      const tags = new Set([plain.etag.replace('-atom', '-atom.o')]);
      for (const [accept, coding] of [
        ['gzip', 'gzip'],
        ['gzip, deflate, br', 'br'],
        ['br;q=0.5, gzip', 'gzip'],
        ['br;q=0, gzip;q=0', ''],
        ['*', 'br'],
        ['identity', ''],
        ['deflate', ''],
      ] as const) {
        const got = await raw(accept);
        expect(got.coding, accept).to.equal(coding);
        const body =
          coding === 'gzip' ? gunzipSync(got.body) : coding === 'br' ? brotliDecompressSync(got.body) : got.body;
        expect(body.toString(), accept).to.equal(plain.xml);
        tags.add(got.etag);
        const held = { 'if-none-match': got.etag, 'accept-encoding': accept };
        const { status } = await app.request(feed, { anonymous: true, headers: held });
        expect(status).to.equal(304);
      }
      expect(tags.size).to.equal(3);
    });
  });

  describe('caching', () => {
    it('is public for anyone on a public feed, private with a token, and always asked again', async () => {
      for (const query of ['', '?marker=10', '?marker=60']) {
        const open = await app.request(`${feed}${query}`, { anonymous: true });
        expect(open.headers.get('cache-control')).to.equal('public, no-cache');
        expect(open.headers.get('vary')).to.equal('Accept, Accept-Encoding, Authorization, X-Auth-Token');
        const closed = await app.request(`${feed}${query}`);
        expect(closed.headers.get('cache-control')).to.equal('private, no-cache');
      }
    });
  });

  it('anyone is answered as the administrator is, but for the caching and the tags, from memory or not', async () => {
    const { etag } = await page(app, feed);
    // Who sees what is private may get other bytes, and so has other tags.
    const tagged = (anonymous: boolean): string => (anonymous ? '-atom.o' : '-atom');
    const answer = async (url: string, headers: Record<string, string>, anonymous: boolean): Promise<unknown> => {
      const entries = Object.entries(headers).map(([name, value]) => [name, value.replace('-atom', tagged(anonymous))]);
      const response = await app.request(url, { headers: Object.fromEntries(entries) as typeof headers, anonymous });
      const text = await response.text();
      const same = [...response.headers]
        .filter(
          ([name]) =>
            !['date', 'x-request-id', 'content-length', 'cache-control', 'connection', 'keep-alive'].includes(name),
        )
        .map(([name, value]) => [name, value.replace(tagged(anonymous), '-atom')]);
      return [response.status, same, response.ok ? text : ''];
    };
    for (const query of [
      '',
      '?',
      '?limit=2',
      '?marker=60',
      '?marker=61',
      '?limit=0',
      '?marker=urn:x:1',
      '/',
      '?search=(',
    ]) {
      for (const headers of [
        {},
        { 'if-none-match': etag },
        { 'if-none-match': '*' },
        { 'if-none-match': etag.replace('-h60-', '-h99-') },
        { 'if-match': '"x"' },
        { 'if-match': etag, 'if-none-match': etag },
        { accept: 'image/png' },
        { accept: 'text/xml', 'accept-encoding': 'br' },
        { 'x-auth-token': 'wrong' },
      ] as Record<string, string>[]) {
        const url = `${feed}${query}`;
        const expected = await answer(url, headers, false);
        for (let again = 0; again < 2; again += 1) {
          expect(await answer(url, headers, true), `${url} ${JSON.stringify(headers)}`).to.deep.equal(expected);
        }
      }
    }
  });

  describe('methods and media types', () => {
    it('HEAD answers with the headers of GET and nothing else', async () => {
      for (const query of ['', '?marker=60', '?limit=0', '?marker=61']) {
        const [get, head] = [
          await app.request(`${feed}${query}`),
          await app.request(`${feed}${query}`, { method: 'HEAD' }),
        ];
        const body = await get.arrayBuffer();
        expect(await head.text()).to.equal('');
        expect(head.status).to.equal(get.status);
        const told = (response: Response): unknown =>
          Object.fromEntries(
            [...response.headers].filter(
              ([name]) => !['date', 'x-request-id', 'content-length', 'connection', 'keep-alive'].includes(name),
            ),
          );
        expect(told(head)).to.deep.equal(told(get));
        if (get.status === 200 && get.headers.get('content-encoding') === null)
          expect(Number(head.headers.get('content-length'))).to.equal(body.byteLength);
      }
    });

    it('OPTIONS tells what there is', async () => {
      const response = await app.request(feed, { method: 'OPTIONS', anonymous: true });
      expect(response.status).to.equal(204);
      expect(response.headers.get('allow')).to.equal('GET, HEAD, POST, OPTIONS');
      expect(response.headers.get('accept-post')).to.include('application/atom+xml');
    });

    it('any other method is 405 with the same list', async () => {
      for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
        const response = await app.request(feed, { method });
        expect(response.status, method).to.equal(405);
        expect(response.headers.get('allow')).to.equal('GET, HEAD, POST, OPTIONS');
      }
    });

    it('XML media types and wildcards get Atom, others 406', async () => {
      const typeFor = async (accept: string): Promise<string | number> => {
        const response = await app.request(feed, { headers: { accept } });
        await response.arrayBuffer();
        return response.status === 200 ? (response.headers.get('content-type') ?? '') : response.status;
      };
      for (const accept of [
        'application/atom+xml',
        'application/atom+xml;type=feed',
        'Application/Atom+XML; q=0.3',
        'application/xml',
        'text/xml',
        'text/xml;q=0.5, image/png',
        'application/*',
        '*/*',
        'text/html;q=0.1, */*',
        'application/xml, */*',
      ]) {
        expect(await typeFor(accept), accept).to.equal('application/atom+xml;type=feed;charset=utf-8');
      }
      for (const accept of ['text/html, */*;q=0.1', 'text/html, */*', 'text/*']) {
        expect(await typeFor(accept), accept).to.equal('text/html;charset=utf-8');
      }
      // the default of a well-known client in browsers
      expect(await typeFor('application/json, text/plain, */*')).to.equal('application/json');
      for (const accept of [
        'image/png',
        'application/atom+xml;q=0',
        'application/atom+xml;q=0, application/xml;q=0, text/xml;q=0, image/*',
        'application/atom+xml;q=0, application/xml',
      ]) {
        expect(await typeFor(accept), accept).to.equal(406);
      }
    });

    it('a slash behind the name is passed over', async () => {
      expect((await page(app, `${feed}/`)).ids).to.deep.equal((await page(app, feed)).ids);
      expect((await post(app, `${await app.feed('slash')}/`, anEntry())).status).to.equal(201);
    });
  });

  it('a publisher that was answered sees its entry in the next read', async () => {
    const path = await app.feed('own-writes');
    for (let round = 0; round < 20; round += 1) {
      const id = await publish(app, path);
      expect((await page(app, `${path}?limit=1`)).ids).to.deep.equal([id]);
    }
  });
});
