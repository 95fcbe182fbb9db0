import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { baseTag } from '../../src/http/tags.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { publishAll } from '../support/publish.js';

describe('the headers of a page for a browser', () => {
  let app: TestApp;
  let feed: string;
  let entry: string;

  before(async () => {
    app = await startApp();
    feed = await app.feed('orders', { public: true });
    const [id] = await publishAll(
      app,
      feed,
      Array.from({ length: 25 }, () => ({})),
    );
    entry = `${feed}/entries/${encodeURIComponent(id ?? '')}`;
    const large = await app.feed('large', { public: true });
    for (let n = 0; n < 5; n += 1)
      await publishAll(
        app,
        large,
        Array.from({ length: 5 }, () => ({ content: `<content>${'x'.repeat(350_000)}</content>` })),
      );
  });
  after(() => app.stop());

  const html = { accept: 'text/html' };

  it('allow one style, which is the one that is there, and nothing else', async () => {
    for (const path of [
      feed,
      `${feed}?limit=1`,
      entry,
      `${feed}/archive/1`,
      '/feeds/shop/large/archive/1',
      '/',
      '/feeds',
      '/feeds/shop',
      '/none',
      `${feed}?limit=0`,
    ]) {
      const response = await app.request(path, { headers: html });
      const text = await response.text();
      const [, style = ''] = /<style>([^<]*)<\/style>/.exec(text) ?? [];
      const hash = createHash('sha256').update(style).digest('base64');
      expect(response.headers.get('content-type'), path).to.equal('text/html;charset=utf-8');
      expect(response.headers.get('content-security-policy'), path).to.equal(
        `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
      );
      expect(response.headers.get('x-content-type-options'), path).to.equal('nosniff');
      expect(response.headers.get('referrer-policy'), path).to.equal('no-referrer');
      expect(response.headers.get('cross-origin-opener-policy'), path).to.equal('same-origin');
      expect(text, path).to.match(/^<!doctype html>[^]*<\/html>\s*$/);
      expect(text, path).not.to.match(/\sstyle=|\son\w+=|<script/i);
    }
  });

  it('are there for HEAD too, and when the page comes from memory', async () => {
    for (const path of [feed, entry, `${feed}/archive/1`, '/feeds/shop/large/archive/1', '/feeds']) {
      const get = await app.request(path, { headers: html });
      await get.arrayBuffer();
      const head = await app.request(path, { method: 'HEAD', headers: html });
      for (const name of ['content-type', 'content-security-policy', 'x-content-type-options', 'etag', 'vary'])
        expect(head.headers.get(name), `${path} ${name}`).to.equal(get.headers.get(name));
      const same = await app.request(path, { headers: { ...html, 'if-none-match': get.headers.get('etag') ?? '' } });
      expect(same.status, path).to.equal(304);
    }
  });

  it('are not those of other representations', async () => {
    for (const path of [feed, entry, '/feeds', '/']) {
      const response = await app.request(path);
      await response.arrayBuffer();
      expect(response.headers.get('content-security-policy'), path).not.to.contain('style-src');
      expect(response.headers.get('cross-origin-opener-policy'), path).to.equal(null);
    }
    const tags = await Promise.all(
      ['*/*', 'text/html'].map(async (accept) =>
        (await app.request(entry, { headers: { accept } })).headers.get('etag'),
      ),
    );
    expect(tags[0]).not.to.equal(tags[1]);
  });

  it('belong to pages of one style: with another one the tags are others', () => {
    const [one, other] = ['a{}', 'b{}'].map((style) => baseTag('http://a.example', style));
    expect(one)
      .to.match(/^[0-9a-f]{4}$/)
      .and.not.to.equal(other);
  });
});
