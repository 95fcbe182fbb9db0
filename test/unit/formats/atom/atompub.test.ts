import { expect } from 'chai';
import { parseStringPromise } from 'xml2js';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import type { Feed } from '../../../../src/core/feed.js';
import { urlsFrom } from '../../../../src/core/urls.js';
import { categoriesDocument, serviceDocument } from '../../../../src/formats/atom/atompub.js';

const urls = urlsFrom('https://events.example.org/base/');

function aFeed(name: string, title?: string): Feed {
  return {
    id: 1,
    partition: 0,
    workspace: 'shop',
    name,
    atomId: 'urn:uuid:0',
    settings: {
      public: false,
      editable: false,
      inlineJson: false,
      compatibility: 'backward',
      limits: DEFAULT_LIMITS,
      ...(title === undefined ? {} : { title }),
    },
    settingsVersion: 1,
    pageSize: 25,
    contracts: [],
    createdAt: '2026-01-01T00:00:00Z',
  };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- xml2js gives what it finds
const parse = (xml: string): Promise<any> =>
  parseStringPromise(xml, {
    xmlns: true,
    explicitArray: true,
    tagNameProcessors: [(name) => name.replace(/^.*:/, '')],
  });

describe('the service document', () => {
  it('names each collection with what it takes and where its categories are (RFC 5023 §8.3)', async () => {
    const xml = serviceDocument(
      [{ workspace: { name: 'shop', title: 'The shop' }, feeds: [aFeed('orders', 'Orders')] }],
      urls,
    );
    const { service } = await parse(xml);
    expect(service.$ns).to.deep.equal({ uri: 'http://www.w3.org/2007/app', local: 'service' });
    const [workspace] = service.workspace;
    expect(workspace.title[0]._).to.equal('The shop');
    expect(workspace.title[0].$ns.uri).to.equal('http://www.w3.org/2005/Atom');
    const [collection] = workspace.collection;
    expect(collection.$.href.value).to.equal('https://events.example.org/base/feeds/shop/orders');
    expect(collection.title[0]._).to.equal('Orders');
    expect(collection.accept.map((accept: { _: string }) => accept._)).to.deep.equal([
      'application/atom+xml',
      'application/atom+xml;type=entry',
      'application/atom+xml;type=feed',
      'application/vnd.rackspace.atom+json',
      'application/json',
      'application/cloudevents+json',
      'application/cloudevents-batch+json',
    ]);
    expect(collection.categories[0].$.href.value).to.equal(
      'https://events.example.org/base/feeds/shop/orders/categories',
    );
  });

  it('has a title for what was given none', async () => {
    const { service } = await parse(serviceDocument([{ workspace: { name: 'shop' }, feeds: [aFeed('orders')] }], urls));
    expect(service.workspace[0].title[0]._).to.equal('shop');
    expect(service.workspace[0].collection[0].title[0]._).to.equal('shop/orders');
  });

  it('has a workspace even when there is none (RFC 5023 §8.3.1)', async () => {
    const { service } = await parse(serviceDocument([], urls));
    expect(service.workspace).to.have.length(1);
    expect(service.workspace[0]).not.to.have.property('collection');
    expect(service.workspace[0].title).to.have.length(1);
  });

  it('escapes titles', async () => {
    const xml = serviceDocument(
      [{ workspace: { name: 'shop', title: '<&> ]]>' }, feeds: [aFeed('a', '"<b>"')] }],
      urls,
    );
    const { service } = await parse(xml);
    expect(service.workspace[0].title[0]._).to.equal('<&> ]]>');
    expect(service.workspace[0].collection[0].title[0]._).to.equal('"<b>"');
  });
});

describe('the categories document', () => {
  it('is open to other terms (RFC 5023 §7.2.1) and escapes those it has', async () => {
    const { categories } = await parse(categoriesDocument(['a"b', 'tid:1 <2>', 'line\nbreak']));
    expect(categories.$ns).to.deep.equal({ uri: 'http://www.w3.org/2007/app', local: 'categories' });
    expect(categories.$.fixed.value).to.equal('no');
    const terms = categories.category.map((category: { $: { term: { value: string } } }) => category.$.term.value);
    expect(terms).to.deep.equal(['a"b', 'tid:1 <2>', 'line\nbreak']);
    expect(categories.category[0].$ns.uri).to.equal('http://www.w3.org/2005/Atom');
  });

  it('may be empty', async () => {
    const { categories } = await parse(categoriesDocument([]));
    expect(categories).not.to.have.property('category');
  });
});
