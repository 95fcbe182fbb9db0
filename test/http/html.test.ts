import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { startBrowser } from '../support/browser.js';
import type { TestBrowser } from '../support/browser.js';
import { anEntry } from '../support/build.js';
import { post, publish, publishAll, publishSome, raiseFloor } from '../support/publish.js';

describe('the pages for a browser', function () {
  this.timeout(60_000);
  let app: TestApp;
  let chromium: TestBrowser | undefined;

  before(async function () {
    chromium = await startBrowser(this);
    app = await startApp();
  });
  after(async () => {
    await chromium?.stop();
    await (app as TestApp | undefined)?.stop();
  });

  /** A tab of a browser of its own, and what it has done that it should not have. */
  async function openTab(options: { javaScriptEnabled?: boolean } = {}): Promise<{ page: Page; faults: string[] }> {
    const context: BrowserContext = await chromium!.browser.newContext(options);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('dialog', (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('console', (message) => faults.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!request.isNavigationRequest() || !request.url().startsWith(app.url))
        faults.push(`request: ${request.url()}`);
    });
    return { page, faults };
  }

  const titles = (page: Page): Promise<string[]> => page.locator('article h2').allInnerTexts();

  for (const javaScriptEnabled of [false, true]) {
    describe(javaScriptEnabled ? 'with JavaScript on' : 'with JavaScript off', () => {
      it('lead from the server to a workspace, a feed, an entry, and back', async () => {
        const path = await app.feed('walk', { public: true, title: 'Walks' });
        const content = '<content>hello\nthere</content>';
        if (!javaScriptEnabled) await publish(app, path, { title: 'one', content });
        const { page, faults } = await openTab({ javaScriptEnabled });
        await page.goto(app.url);
        await page.getByRole('link', { name: 'shop', exact: true }).click();
        await page.getByRole('link', { name: 'Walks' }).click();
        expect(await page.title()).to.equal('Walks');
        expect(await page.getByRole('heading', { level: 1 }).innerText()).to.equal('Walks');
        expect(await page.locator('pre').innerText()).to.equal('hello\nthere');
        await page.getByRole('link', { name: 'one' }).click();
        expect(await page.getByRole('heading', { level: 1 }).innerText()).to.equal('one');
        expect(await page.locator('pre').last().innerText()).to.include('<title>one</title>');
        await page.getByRole('link', { name: 'Walks' }).click();
        expect(await titles(page)).to.deep.equal(['one']);
        expect(faults).to.deep.equal([]);
        await page.context().close();
      });

      it('can be walked by their links, to older and newer entries, the oldest and the newest', async () => {
        const path = await app.feed('pages', { public: true });
        if (!javaScriptEnabled)
          await publishAll(
            app,
            path,
            Array.from({ length: 7 }, (_, n) => ({ title: `entry ${String(n + 1)}` })),
          );
        const { page, faults } = await openTab({ javaScriptEnabled });
        await page.goto(`${app.url}${path}?limit=3`);
        const numbers = async (): Promise<string> => (await titles(page)).map((title) => title.slice(6)).join(' ');
        const follow = async (name: string): Promise<string> => {
          await page
            .getByRole('navigation', { name: 'Pages', exact: true })
            .getByRole('link', { name, exact: true })
            .click();
          return numbers();
        };
        expect(await numbers()).to.equal('7 6 5');
        expect(await follow('Older')).to.equal('4 3 2');
        expect(await follow('Older')).to.equal('1');
        expect(await page.locator('.notice').innerText()).to.equal('There is nothing older than this.');
        expect(await follow('Newer')).to.equal('4 3 2');
        expect(await follow('Newer')).to.equal('7 6 5');
        expect(await follow('Newer')).to.equal('');
        expect(await page.locator('.notice').innerText()).to.equal('There is nothing newer so far.');
        expect(await follow('Oldest')).to.equal('3 2 1');
        expect(await follow('Newest')).to.equal('7 6 5');
        expect(faults).to.deep.equal([]);
        await page.context().close();
      });

      it('find entries by a form and by a click on a category', async () => {
        const path = await app.feed('search', { public: true });
        if (!javaScriptEnabled)
          await publishAll(app, path, [
            { title: 'a bug', categories: ['bug', 'tid:Ab'] },
            { title: 'a wish', categories: ['wish+(1)'] },
            { title: 'a bug, closed', categories: ['bug', 'closed'] },
          ]);
        const { page, faults } = await openTab({ javaScriptEnabled });
        await page.goto(`${app.url}${path}?limit=2`);
        await page.getByLabel('Search by category').fill('(&(cat=bug)(!(cat=closed)))');
        await page.getByRole('button', { name: 'Search' }).click();
        expect(await titles(page)).to.deep.equal(['a bug']);
        expect(new URL(page.url()).searchParams.get('limit')).to.equal('2');
        expect(await page.getByLabel('Search by category').inputValue()).to.equal('(&(cat=bug)(!(cat=closed)))');
        await page.getByRole('link', { name: 'tid:Ab' }).click();
        expect(await titles(page)).to.deep.equal(['a bug']);
        await page.getByLabel('Search by category').fill('+wish\\+(1)+none');
        await page.getByLabel('Search by category').press('Enter');
        expect(await titles(page)).to.deep.equal(['a wish']);
        await page.getByLabel('Search by category').fill('+none');
        await page.getByRole('button', { name: 'Search' }).click();
        expect(await page.locator('.notice').last().innerText()).to.equal('No entry here matches.');
        await page.getByRole('link', { name: 'Show all' }).click();
        expect(await titles(page)).to.have.length(3);
        expect(faults).to.deep.equal([]);
        await page.context().close();
      });
    });
  }

  it('lead to the same page in every other form', async () => {
    const path = await app.feed('forms', { public: true });
    const id = await publish(app, path, { title: 'one', categories: ['a'] });
    const { page } = await openTab();
    for (const start of [`${path}?search=%2Ba&limit=5`, `${path}/entries/${encodeURIComponent(id)}`]) {
      await page.goto(app.url + start);
      const links = await page.getByRole('navigation', { name: 'Formats' }).getByRole('link').all();
      expect(links.length).to.be.above(2);
      for (const link of links) {
        const response = await app.request((await link.getAttribute('href')) ?? '', { anonymous: true });
        expect(response.status, await link.innerText()).to.equal(200);
        expect(response.headers.get('content-type')).not.to.match(/html/);
        expect(await response.text()).to.include('one');
      }
    }
    await page.context().close();
  });

  it('fit a phone, and follow what the reader prefers of light and dark', async () => {
    const path = await app.feed('phone', { public: true, title: `Long${'word'.repeat(40)}` });
    const word = 'w'.repeat(300);
    await publish(app, path, {
      title: word,
      author: word,
      categories: [word.slice(0, 250)],
      content: `<content>${word}</content>`,
    });
    const { page } = await openTab();
    await page.setViewportSize({ width: 360, height: 700 });
    await page.goto(app.url + path);
    expect(await page.evaluate('document.documentElement.scrollWidth')).to.be.at.most(360);
    const colour = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await colour();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await colour()).not.to.equal(light);
    await page.context().close();
  });

  it('have entries of large archives, deleted ones and a gap that retention has left', async () => {
    const path = await app.feed('large', { public: true, editable: true });
    const content = `<content>${'large '.repeat(80_000)}</content>`;
    const ids = await publishAll(
      app,
      path,
      [
        { title: 'to be deleted' },
        ...Array.from({ length: 23 }, (_, n) => ({ title: `large ${String(n)}`, content })),
      ].slice(0, 4),
    );
    for (let n = 4; n < 24; n += 4)
      await publishAll(
        app,
        path,
        Array.from({ length: 4 }, (_, of) => ({ title: `large ${String(n + of)}`, content })),
      );
    const gone = await app.request(`${path}/entries/${ids[0] ?? ''}`, {
      method: 'DELETE',
      headers: { 'if-match': '*' },
    });
    expect(gone.status).to.equal(204);
    const { page, faults } = await openTab();
    const answer = await page.goto(`${app.url}${path}/archive/1`);
    expect(answer?.headers()['content-length']).to.equal(undefined);
    expect(answer?.headers()['content-security-policy']).to.match(/^default-src 'none'/);
    expect(await page.locator('article').count()).to.equal(25);
    expect((await titles(page))[0]).to.equal('Deleted');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).to.equal('shop/large');
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: 'Newer' }).click();
    expect(await page.locator('article').count()).to.be.above(0);
    expect(faults).to.deep.equal([]);

    const short = await app.feed('short', { public: true });
    await publishSome(app, short, 5);
    await raiseFloor(app, short, 4);
    await page.goto(`${app.url}${short}?marker=1&direction=forward`);
    expect(await page.locator('.notice').first().innerText()).to.include('Retention has taken entries');
    await page.getByRole('link', { name: 'Go on with the oldest that are kept' }).click();
    expect(await page.locator('article').count()).to.equal(2);
    await page.context().close();
  });

  it('tell what a browser cannot do without a token', async () => {
    await app.feed('closed');
    const { page } = await openTab();
    const answer = await page.goto(`${app.url}/feeds/shop/closed`);
    expect(answer?.status()).to.equal(401);
    expect(await page.getByRole('heading', { level: 1 }).innerText()).to.equal('A token is needed');
    expect(await page.locator('.notice').innerText()).to.include('Authorization: Bearer');
    await page.getByRole('link', { name: 'Feeds' }).click();
    expect(await page.getByRole('heading', { level: 1 }).innerText()).to.equal('Feeds');
    await page.context().close();
  });

  it('work behind a proxy that is of another origin and has them below a path', async () => {
    const proxy = createServer((req, res) => {
      const url = `${behind?.url ?? ''}${(req.url ?? '').replace(/^\/channel/, '')}`;
      void fetch(url, { headers: { accept: req.headers.accept ?? '*/*' } }).then(async (answer) => {
        const policy = answer.headers.get('content-security-policy') ?? '';
        const type = answer.headers.get('content-type') ?? '';
        res.writeHead(answer.status, { 'content-type': type, 'content-security-policy': policy });
        res.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
    let behind: TestApp | undefined;
    try {
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const outside = `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}/channel`;
      behind = await startApp({ env: { PUBLIC_URL: outside } });
      const path = await behind.feed('proxied', { public: true });
      await publishAll(behind, path, [{ title: 'one', categories: ['a'] }, { title: 'two' }]);
      const context = await chromium!.browser.newContext();
      const page = await context.newPage();
      await page.goto(`${outside}/`);
      await page.getByRole('link', { name: 'shop/proxied' }).click();
      await page.getByLabel('Search by category').fill('+a');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.waitForURL(/search=/);
      expect(page.url()).to.equal(`${outside}${path}?search=%2Ba&format=html`);
      expect(await titles(page)).to.deep.equal(['one']);
      await context.close();
    } finally {
      await behind?.stop();
      proxy.close();
    }
  });

  it('can be searched at another name of the server than that of its public URL', async () => {
    const path = await app.feed('named', { public: true });
    await publishAll(app, path, [{ title: 'one', categories: ['a'] }, { title: 'two' }]);
    const here = app.url.replace('127.0.0.1', 'localhost');
    expect(here).not.to.equal(app.url);
    const context = await chromium!.browser.newContext();
    const page = await context.newPage();
    const told: string[] = [];
    page.on('console', (message) => told.push(message.text()));
    await page.goto(here + path);
    await page.getByLabel('Search by category').fill('+a');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForURL(/search=/);
    expect(page.url()).to.equal(`${here}${path}?search=%2Ba&format=html`);
    expect(await titles(page)).to.deep.equal(['one']);
    expect(told).to.deep.equal([]);
    await context.close();
  });

  describe('run nothing that an entry brings', () => {
    /** Each would leave a trace if it ran or were loaded. */
    const attacks = (field: string): string[] => [
      `<script>window.hit='${field}';alert('${field}')</script>`,
      `"><img src=x onerror="window.hit='${field}';alert('${field}')">`,
      `'><svg onload=alert('${field}')>`,
      `</title></pre></style></textarea><iframe srcdoc="<script>alert('${field}')</script>"></iframe>`,
      `" autofocus onfocus="alert('${field}')" x="`,
      `<style>*{background:url(https://evil.example/${field})}</style>`,
      `<meta http-equiv="refresh" content="0;url=https://evil.example/${field}">`,
      `<base href="https://evil.example/">`,
      `<link rel="stylesheet" href="https://evil.example/${field}.css">`,
      `<form action="https://evil.example/"><button autofocus>${field}</button></form>`,
    ];
    const escaped = (text: string): string =>
      text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
    const attack = (field: string, most = 10): string => escaped(attacks(field).slice(0, most).join(' '));
    /** All on a page that somebody could press. */
    const bait = async (page: Page): Promise<void> => {
      for (const details of await page.locator('details').all()) await details.locator('summary').click();
      const hrefs = await page
        .locator('a')
        .evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''));
      for (const href of hrefs) expect(href).to.match(/^(https?|mailto):/);
      await page.keyboard.press('Tab');
      await page.mouse.move(200, 200);
    };
    const untouched = async (page: Page, faults: readonly string[]): Promise<void> => {
      expect(await page.evaluate('window.hit')).to.equal(undefined);
      expect(faults).to.deep.equal([]);
      const foreign =
        'script,iframe,img,svg,object,embed,base,form[action*="evil.example"],meta[http-equiv],[onerror],[onload],[onfocus]';
      expect(
        await page.locator(foreign).evaluateAll((found) => found.map((element) => element.outerHTML)),
      ).to.deep.equal([]);
      expect(await page.locator('style,link[rel=stylesheet]').count()).to.equal(1);
    };
    let feed: string;
    let id: string;

    before(async () => {
      feed = await app.feed('hostile', {
        public: true,
        title: attacks('feed title').join(' '),
        author: {
          name: attacks('feed author').join(' '),
          uri: 'javascript:alert(1)',
          email: `a@b"><script>alert(1)</script>`,
        },
        limits: { categoryLength: 500, links: 100 },
      });
      const kinds = [
        `<content>${attack('text content')}</content>`,
        `<content type="html">${attack('html content')}</content>`,
        `<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><script>window.hit=1;alert('xhtml content')</script><img src="x" onerror="alert(1)"/></div></content>`,
        `<content type="application/xml"><script xmlns="http://www.w3.org/1999/xhtml" src="https://evil.example/x.js">alert('xml content')</script></content>`,
        `<content type="image/svg+xml"><svg xmlns="http://www.w3.org/2000/svg" onload="alert('svg content')"/></content>`,
        `<content type="application/json">${escaped(JSON.stringify({ [attacks('json')[0]!]: attacks('json') }))}</content>`,
        `<content type="text/html">${attack('text/html content')}</content>`,
        `<content type="text/javascript">alert('javascript content')</content>`,
        `<summary>binary</summary><content type="image/png">PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==</content>`,
        `<summary>outside</summary><content type="text/html" src="javascript:alert('src')"/>`,
        `<summary>outside</summary><content type="text/html" src="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;"/>`,
      ];
      for (const [n, content] of kinds.entries()) {
        const type = ['text', 'html'][n % 2] ?? 'text';
        const summary = content.startsWith('<summary') ? '' : `<summary type="${type}">${attack('summary')}</summary>`;
        const more = [
          `<author><name>${attack('name')}</name><uri>javascript:alert('uri')</uri><email>${escaped(`a@b"><script>alert('email')</script>`)}</email></author>`,
          `<category term="${attack('term', 3)}" label="${attack('label', 3)}" scheme="javascript:alert('scheme')"/>`,
          `<link rel="alternate" href="javascript:alert('href')" title="${attack('link title')}"/>`,
          `<link rel="related" href="https://evil.example/&quot;onclick=&quot;alert(1)" hreflang="en"/>`,
          `<link rel="enclosure" href="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;" length="1"/>`,
          summary,
          `<x:script xmlns:x="http://www.w3.org/1999/xhtml" onload="alert(1)">window.hit='foreign';alert('foreign')</x:script>`,
        ];
        const title = `<title type="${type}">${attack(`title ${type}`)}</title>`;
        const entry = anEntry({
          id: `urn:x:<script>alert(${String(n)})</script>`.replaceAll(/[<>]/g, '_'),
          content: title + content,
          more: more.join(''),
        });
        const response = await post(app, feed, entry);
        expect(response.status, await response.text()).to.equal(201);
      }
      const div = `<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><script>alert('title xhtml')</script><b onclick="alert(1)">bold</b></div></title>`;
      id = "tag:evil.example,2026:'onmouseover='alert(1)";
      const last = await post(app, feed, anEntry({ id, content: `${div}<content>last</content>` }));
      expect(last.status, await last.text()).to.equal(201);
    });

    it('on the page of the feed, and all of it is there to be read', async () => {
      const { page, faults } = await openTab();
      await page.goto(`${app.url}${feed}`);
      await bait(page);
      await untouched(page, faults);
      const text = await page.locator('body').innerText();
      for (const field of [
        'feed title',
        'feed author',
        'text content',
        'html content',
        'json',
        'name',
        'term',
        'label',
        'link title',
        'summary',
        'title text',
        'text/html content',
      ])
        expect(text, field).to.include(`<script>window.hit='${field}'`);
      for (const part of [
        "javascript:alert('href')",
        "javascript:alert('uri')",
        "javascript:alert('src')",
        "alert('xml content')",
        "alert('svg content')",
        'data:text/html,<script>',
      ])
        expect(text, part).to.include(part);
      await page.context().close();
    });

    it('on the page of each entry', async () => {
      const { page, faults } = await openTab();
      await page.goto(`${app.url}${feed}`);
      const hrefs = await page
        .locator('article h2 a')
        .evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''));
      expect(hrefs).to.have.length(12);
      for (const href of hrefs) {
        await page.goto(href);
        await bait(page);
        await untouched(page, faults);
        const text = await page.locator('body').innerText();
        if (href.includes(encodeURIComponent(id))) expect(text).to.include(id);
        else expect(text).to.include("window.hit='foreign'").and.to.include("javascript:alert('scheme')");
      }
      await page.context().close();
    });

    it('in lists of feeds', async () => {
      await app.request('/admin/workspaces/evil', {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ title: attacks('workspace').join(' ') }),
      });
      await app.request('/admin/feeds/evil/one', {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ title: attacks('one').join(' '), public: true }),
      });
      const { page, faults } = await openTab();
      for (const path of ['/', '/feeds', '/feeds/evil', '/feeds/evil/one']) {
        await page.goto(app.url + path);
        await bait(page);
        await untouched(page, faults);
        expect(await page.locator('body').innerText()).to.include(`<script>window.hit='`);
      }
      await page.context().close();
    });

    it('nor that a URL brings: a search, a marker, a limit, a path, a form', async () => {
      const { page, faults } = await openTab();
      const script = `<script>window.hit=1;alert(1)</script>`;
      for (const [path, status] of [
        [`${feed}?search=${encodeURIComponent(`(cat=${script.replaceAll(/[()]/g, '\\$&')}"'*)`)}`, 200],
        [`${feed}?search=${encodeURIComponent(`"><img src=x onerror=alert(1)>`)}`, 400],
        [`${feed}?marker=${encodeURIComponent(`urn:x:${script}`)}`, 404],
        [`${feed}?limit=${encodeURIComponent(`"${script}`)}`, 400],
        [`${feed}?direction=${encodeURIComponent(script)}`, 400],
        [`${feed}?startingAt=${encodeURIComponent(script)}`, 400],
        [`${feed}?format=${encodeURIComponent(script.slice(0, 30))}`, 400],
        [`${feed}/entries/${encodeURIComponent(script)}`, 404],
        [`/nowhere/${encodeURIComponent(script)}`, 404],
        [`/feeds/${encodeURIComponent(script)}`, 401],
        [`${feed}/archive/${encodeURIComponent(script)}`, 404],
      ] as const) {
        const answer = await page.goto(app.url + path);
        expect(answer?.status(), path).to.equal(status);
        expect(answer?.headers()['content-type'], path).to.equal('text/html;charset=utf-8');
        expect(await page.evaluate('window.hit'), path).to.equal(undefined);
        expect(await page.locator('script,img').count(), path).to.equal(0);
        // A browser tells of an answer that is an error.
        const others = faults.filter(
          (fault) => !fault.startsWith('console: Failed to load resource: the server responded'),
        );
        expect(others, path).to.deep.equal([]);
      }
      await page.context().close();
    });

    it('were it there after all: the policy stops a script, a style, an image and a frame', async () => {
      const { page, faults } = await openTab();
      await page.goto(`${app.url}${feed}?limit=1`);
      const failures: string[] = [];
      page.on('requestfailed', (request) => failures.push(`${request.url()} ${request.failure()?.errorText ?? ''}`));
      await page.evaluate(`
        for (const name of ['script', 'style']) {
          const element = document.createElement(name);
          element.textContent = name === 'script' ? 'window.hit = 1' : 'h1 { display: none }';
          document.body.append(element);
        }
        const image = document.createElement('img');
        image.src = 'https://evil.example/image';
        const frame = document.createElement('iframe');
        frame.src = 'https://evil.example/frame';
        document.body.append(image, frame);
        document.body.setAttribute('onclick', 'window.hit = 2');
        document.body.click();
      `);
      await page.waitForTimeout(200);
      expect(await page.evaluate('window.hit')).to.equal(undefined);
      expect(await page.getByRole('heading', { level: 1 }).isVisible()).to.equal(true);
      expect(failures).to.deep.equal(['https://evil.example/image csp']);
      expect(faults.filter((fault) => /Content Security Policy/.test(fault)).length).to.be.at.least(4);
      await page.context().close();
    });

    it('and nothing that an entry says of the direction of text reaches what stands around it', async () => {
      const path = await app.feed('bidi', { public: true, title: 'abc \u202e\u2067def' });
      const override = '\u2069\u202e\u2067 override';
      const more = ['Bob', 'Carol'].map((name) => `<author><name>${name}</name></author>`).join('');
      await publish(app, path, { title: `title ${override}`, author: `Eve ${override}`, more });
      const { page } = await openTab();
      await page.goto(app.url + path);
      expect(await page.title()).to.equal('abc def');
      // Names stand from the left to the right, as they would without the override in the first one.
      const lefts = await page
        .locator('article .meta bdi')
        .evaluateAll((names) => names.map((name) => name.getBoundingClientRect().left));
      expect(lefts).to.have.length(3);
      expect(lefts).to.deep.equal(lefts.toSorted((one, other) => one - other));
      await page.context().close();
    });
  });
});
