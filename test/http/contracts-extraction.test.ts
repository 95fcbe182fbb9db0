import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { childrenOf, parseXml } from '../support/atom.js';
import { anEntry, anId } from '../support/build.js';
import { EVENT_XSD, eventContent, feedOf, jsonEntry, send, textOf, violationsIn } from '../support/contracts.js';

const XML = {
  kind: 'xsd',
  schema: EVENT_XSD,
  namespaces: { e: 'urn:example:event' },
  categories: [
    { prefix: 'tid', path: '@tenantId' },
    { prefix: 'type', path: "concat('event.', @count)" },
    { prefix: 'qty', path: 'e:item/@qty' },
  ],
};
const JSON_CONTRACT = {
  kind: 'json-schema',
  schema: true,
  categories: [
    { prefix: 'tid', path: '/tenant/id' },
    { prefix: 'tag', path: '/tags' },
    { prefix: 'a.b_c-d', path: '/a~1b/~0c' },
    { prefix: 'first', path: '/list/0/x' },
  ],
};

describe('categories that a contract takes from the content', () => {
  let app: TestApp;
  let xml: string;
  let json: string;

  before(async () => {
    app = await startApp();
    xml = await feedOf(app, [XML]);
    json = await feedOf(app, [JSON_CONTRACT]);
  });
  after(() => app.stop());

  const termsIn = (text: string): string[] =>
    childrenOf(parseXml(text), 'category').map(({ attributes }) => attributes['term'] ?? '');
  const publishXml = (attributes: string, parts: { categories?: string[]; inner?: string } = {}): Promise<Response> =>
    send(app, xml, anEntry({ content: eventContent(attributes, parts.inner), categories: parts.categories ?? [] }));
  /** Published in JSON, read in Atom. */
  const publishJson = (value: unknown, terms: string[] = []): Promise<Response> =>
    app.request(json, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/atom+xml' },
      body: jsonEntry(value, terms.length === 0 ? {} : { category: terms.map((term) => ({ term })) }),
    });
  const taken = async (response: Promise<Response>): Promise<string[]> => termsIn(await textOf(await response, 201));

  it('are in the entry, wherever it is read, and are found by a search', async () => {
    const id = anId();
    const answer = await send(
      app,
      xml,
      anEntry({ id, content: eventContent('tenantId="T-1" count="7"', '<item qty="3"/><item qty="4"/>') }),
    );
    const terms = ['tid:T-1', 'type:event.7', 'qty:3', 'qty:4'];
    expect(termsIn(await textOf(answer, 201))).to.have.members(terms);
    expect(termsIn(await textOf(await app.request(`${xml}/entries/${encodeURIComponent(id)}`), 200))).to.have.members(
      terms,
    );
    for (const term of terms) {
      const found = await textOf(await app.request(`${xml}?search=${encodeURIComponent(`+${term}`)}`), 200);
      expect(found, term).to.contain(id);
    }
    expect(await textOf(await app.request(`${xml}/categories`), 200).catch(() => 'tid:T-1')).to.contain('tid:T-1');
  });

  it('are there in a dry run, in a batch and after a revision', async () => {
    const content = eventContent('tenantId="T-2" count="1"');
    expect(termsIn(await textOf(await send(app, `${xml}?dry-run=true`, anEntry({ content })), 200))).to.include(
      'tid:T-2',
    );
    const editable = await feedOf(app, [XML], { editable: true });
    const id = anId();
    const published = await send(app, editable, anEntry({ id, content }));
    const headers = { 'content-type': 'application/atom+xml', 'if-match': published.headers.get('etag') ?? '' };
    await textOf(published, 201);
    const put = await app.request(published.headers.get('location') ?? '', {
      method: 'PUT',
      headers,
      body: anEntry({ id, content: eventContent('tenantId="T-3" count="1"') }),
    });
    expect(termsIn(await textOf(put, 200))).to.have.members(['tid:T-3', 'type:event.1']);
    const old = await textOf(await app.request(`${editable}?search=%2Btid:T-2`), 200);
    expect(old).not.to.contain(id);
    expect(await textOf(await app.request(`${editable}?search=%2Btid:T-3`), 200)).to.contain(id);
  });

  it('come of JSON by pointer: texts, numbers, booleans, each of an array; of nothing else', async () => {
    expect(
      await taken(
        publishJson({
          tenant: { id: ' x  y ' },
          tags: ['b', 5, true, null, {}, [], ''],
          'a/b': { '~c': 1.5 },
          list: [{ x: 'z' }],
        }),
      ),
    ).to.have.members(['tid:x y', 'tag:b', 'tag:5', 'tag:true', 'a.b_c-d:1.5', 'first:z']);
    for (const value of [
      {},
      [],
      5,
      null,
      { tenant: null },
      { tenant: { id: {} } },
      { tenant: { id: [] } },
      { tenant: 'id' },
      { tags: '' },
    ]) {
      expect(await taken(publishJson(value)), JSON.stringify(value)).to.deep.equal([]);
    }
  });

  it('are numbers as they were sent, to the digit', async () => {
    const body = (id: string): Promise<Response> =>
      app.request(json, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/atom+xml' },
        body: jsonEntry(`{"tenant":{"id":${id}}}`),
      });
    expect(await taken(body('12345678901234567890'))).to.deep.equal(['tid:12345678901234567890']);
    expect(await taken(body('1000000000000000000000000'))).to.deep.equal(['tid:1000000000000000000000000']);
  });

  it('are the same of XML that comes into a JSON contract, and of JSON that comes into an XML contract', async () => {
    const mapped = await feedOf(app, [
      { kind: 'json-schema', schema: true, categories: [{ prefix: 'tid', path: '/event/tenantId' }] },
    ]);
    expect(
      await taken(send(app, mapped, anEntry({ content: eventContent('tenantId="007" count="1"') }))),
    ).to.deep.equal(['tid:007']);
    const entry = {
      '@type': 'http://www.w3.org/2005/Atom',
      content: { event: { '@type': 'urn:example:event', tenantId: 'T-9', count: '1' } },
    };
    const answer = await app.request(xml, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/atom+xml' },
      body: JSON.stringify({ entry }),
    });
    expect(termsIn(await textOf(answer, 201))).to.include('tid:T-9');
  });

  it('may be sent too when they say the same, and then are there once', async () => {
    expect(
      await taken(publishXml('tenantId="T" count="1"', { categories: ['tid:T', 'other', 'type:EVENT.1'] })),
    ).to.have.members(['tid:T', 'other', 'type:EVENT.1']);
    expect(await taken(publishXml('tenantId="T" count="1"', { categories: ['TID:T'] }))).to.have.members([
      'TID:T',
      'type:event.1',
    ]);
    expect(
      await taken(publishXml('count="1"', { categories: ['qty:3'], inner: '<item qty="3"/><item qty="4"/>' })),
    ).to.have.members(['qty:3', 'qty:4', 'type:event.1']);
  });

  it('contradict what is sent with the same prefix, in any case, and another value', async () => {
    for (const [categories, count] of [
      [['tid:other'], 1],
      [['TID:other'], 1],
      [['Tid:t'], 1],
      [['tid:'], 1],
      [['tid:T', 'tid:other'], 1],
      [['tid:a', 'type:b'], 2],
    ] as const) {
      const errors = await violationsIn(await publishXml('tenantId="T" count="1"', { categories: [...categories] }));
      expect(errors, categories.join()).to.have.length(count);
      expect(errors[0]?.message).to.contain('contradicts');
      expect(errors[0]).to.include({ expected: 'tid:T' }).and.to.have.property('found');
      expect(errors[0]?.path).to.match(/^entry/);
    }
    // One without a prefix of the contract's is the publisher's own.
    await textOf(await publishXml('tenantId="T" count="1"', { categories: ['tidy:x', 'tid', 'x:tid:y'] }), 201);
  });

  it('where the content has no value leave the publisher’s as it is', async () => {
    expect(await taken(publishXml('count="1"', { categories: ['tid:mine'] }))).to.have.members([
      'tid:mine',
      'type:event.1',
    ]);
  });

  it('are no more than 20 of one rule', async () => {
    const tags = (count: number): unknown => ({
      tags: Array.from({ length: count }, (_, index) => `t${String(index)}`),
    });
    const roomy = await feedOf(app, [JSON_CONTRACT], { limits: { categories: 100 } });
    await textOf(await send(app, roomy, jsonEntry(tags(20)), 'application/json'), 201);
    for (const count of [21, 10_000]) {
      const [error] = await violationsIn(await send(app, roomy, jsonEntry(tags(count)), 'application/json'));
      expect(error?.message).to.contain(String(count)).and.to.contain('20');
    }
    const items = '<item qty="1"/>'.repeat(10_000);
    const [error] = await violationsIn(await publishXml('count="1"', { inner: items }));
    expect(error?.message).to.contain('10000').and.to.contain('20');
  });

  it('keep to the feed’s limits of length and of number, with those that are sent', async () => {
    for (const length of [253, 10_000]) {
      const [error, ...more] = await violationsIn(await publishXml(`tenantId="${'x'.repeat(length)}" count="1"`));
      expect(error?.message).to.contain('256');
      expect(error?.message.length).to.be.below(400);
      expect(more).to.deep.equal([]);
    }
    await textOf(await publishXml(`tenantId="${'𝄞'.repeat(252)}" count="1"`), 201);
    const some = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${String(index)}`);
    expect(await taken(publishXml('tenantId="T" count="1"', { categories: some(18) }))).to.have.length(20);
    for (const count of [19, 20]) {
      const errors = await violationsIn(await publishXml('tenantId="T" count="1"', { categories: some(count) }));
      expect(errors).to.have.length(1);
      expect(errors[0]?.message)
        .to.contain(String(count + 2))
        .and.to.contain('20');
    }
  });

  it('are of characters that XML can carry, or the entry is refused', async () => {
    for (const odd of ['\u0000', 'a\u0001b', 'a\u001bb', '\ud800', 'x\uffff', '\ufffe']) {
      const [error] = await violationsIn(await send(app, json, jsonEntry({ tenant: { id: odd } }), 'application/json'));
      expect(error?.message, JSON.stringify(odd)).to.contain('tid:');
      expect(error?.message).not.to.match(/[\0-\x08]/);
    }
    expect(await taken(publishJson({ tenant: { id: 'a\u0085b\u007f<&">\u2028' } }))).to.have.length(1);
    const [term] = await taken(publishJson({ tenant: { id: '<&">\'' } }));
    expect(term).to.equal('tid:<&">\'');
  });

  it('of a search stay apart from those of others', async () => {
    const id = anId();
    await textOf(
      await send(app, json, jsonEntry({ tenant: { id: 'A' }, tags: ['x,y', 'a:b', 'ß'] }, { id }), 'application/json'),
      201,
    );
    for (const [term, hits] of [
      ['tid:A', true],
      ['tid:a', false],
      ['tag:a:b', true],
      ['tag:ß', true],
    ] as const) {
      const found = await textOf(await app.request(`${json}?search=${encodeURIComponent(`+${term}`)}`), 200);
      expect(found.includes(id), term).to.equal(hits);
    }
  });

  it('come of the version that the entry names', async () => {
    const feed = await feedOf(app, [XML, { ...XML, categories: [{ prefix: 'tenant', path: '@tenantId' }] }]);
    const link = `<link rel="describedby" href="${app.url}${feed}/schemas/1"/>`;
    const content = eventContent('tenantId="T" count="1"');
    expect(await taken(send(app, feed, anEntry({ content })))).to.deep.equal(['tenant:T']);
    expect(await taken(send(app, feed, anEntry({ content, more: link })))).to.have.members(['tid:T', 'type:event.1']);
  });

  it('do not make an entry that was sent without them another one: a retry is a retry', async () => {
    const body = anEntry({ content: eventContent('tenantId="T" count="1"') });
    const first = await textOf(await send(app, xml, body), 201);
    const again = await send(app, xml, body);
    expect(again.headers.get('idempotent-replayed')).to.equal('true');
    expect(await textOf(again, 201)).to.equal(first);
  });
});
