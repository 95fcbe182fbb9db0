import { SaxesParser } from 'saxes';

export const ATOM = 'http://www.w3.org/2005/Atom';
export const APP = 'http://www.w3.org/2007/app';
export const FH = 'http://purl.org/syndication/history/1.0';
export const AT = 'http://purl.org/atompub/tombstones/1.0';

/** An element as an independent parser sees it. */
export interface Element {
  readonly local: string;
  readonly uri: string;
  /** By name as written, without namespace declarations. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  /** All text within. */
  text: string;
}

/** Parses a document; throws when it is not well-formed or not namespace-well-formed. */
export function parseXml(source: string): Element {
  const parser = new SaxesParser({ xmlns: true });
  const root: Element = { local: '', uri: '', attributes: {}, children: [], text: '' };
  const open = [root];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    const attributes = Object.values(tag.attributes)
      .filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns')
      .map(({ name, value }) => [name, value] as const);
    const element = {
      local: tag.local,
      uri: tag.uri,
      attributes: Object.fromEntries(attributes),
      children: [],
      text: '',
    };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => {
    const closed = open.pop();
    const parent = open.at(-1);
    if (closed !== undefined && parent !== undefined) parent.text += closed.text;
  });
  const take = (text: string): void => {
    const element = open.at(-1);
    if (element !== undefined) element.text += text;
  };
  parser.on('text', take);
  parser.on('cdata', take);
  parser.write(source).close();
  const [document] = root.children;
  if (document === undefined) throw new Error('an empty document');
  return document;
}

export function childrenOf(element: Element, local: string, uri = ATOM): Element[] {
  return element.children.filter((child) => child.local === local && child.uri === uri);
}

export function childOf(element: Element, local: string, uri = ATOM): Element {
  const found = childrenOf(element, local, uri);
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${String(found.length)} <${local}>, expected one`);
  return only;
}

export interface FeedPage {
  readonly root: Element;
  readonly status: number;
  readonly headers: Headers;
  readonly xml: string;
  /** Of entries and, with a leading `-`, of tombstones, as they stand in the page. */
  readonly ids: string[];
  readonly entries: Element[];
  readonly links: ReadonlyMap<string, string>;
  readonly etag: string;
}

/** A feed document, after checks that hold for each one that a reader ever gets. */
export async function readFeed(response: Response): Promise<FeedPage> {
  const xml = await response.text();
  if (response.status !== 200) throw new Error(`${response.url}: ${String(response.status)} ${xml}`);
  const root = parseXml(xml);
  if (root.local !== 'feed' || root.uri !== ATOM) throw new Error(`the root is ${root.local}`);
  const ids: string[] = [];
  for (const child of root.children) {
    if (child.local === 'entry' && child.uri === ATOM) ids.push(childOf(child, 'id').text);
    if (child.local === 'deleted-entry' && child.uri === AT) ids.push(`-${child.attributes['ref'] ?? ''}`);
  }
  return {
    root,
    status: response.status,
    headers: response.headers,
    xml,
    ids,
    entries: childrenOf(root, 'entry'),
    links: linksOf(root),
    etag: response.headers.get('etag') ?? '',
  };
}

export function linksOf(element: Element): Map<string, string> {
  return new Map(
    childrenOf(element, 'link').map(({ attributes }) => [attributes['rel'] ?? 'alternate', attributes['href'] ?? '']),
  );
}

/** The Link header (RFC 8288 §3) of an answer, as far as ours go. */
export function linkHeaderOf(headers: Headers): Map<string, string> {
  const found = (headers.get('link') ?? '').matchAll(/<([^>]*)>; rel="([^"]*)"/g);
  return new Map([...found].map(([, href = '', rel = '']) => [rel, href]));
}
