/** A media type as it stands in a Content-Type: lower case, its parameters by lower-case name. */
export interface MediaType {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export const ATOM = 'application/atom+xml';
export const ATOM_ENTRY = 'application/atom+xml;type=entry';
export const ATOM_FEED = 'application/atom+xml;type=feed';
export const ATOM_SERVICE = 'application/atomsvc+xml';
export const ATOM_CATEGORIES = 'application/atomcat+xml';
export const CLOUD_FEEDS = 'application/vnd.rackspace.atom+json';
export const CLOUD_FEEDS_SERVICE = 'application/vnd.rackspace.atomsvc+json';
export const JSON_TYPE = 'application/json';
export const JSON_FEED = 'application/feed+json';
export const RSS = 'application/rss+xml';
export const CLOUD_EVENT = 'application/cloudevents+json';
export const CLOUD_EVENTS = 'application/cloudevents-batch+json';
export const SCHEMA_JSON = 'application/schema+json';
/** A contract with all that belongs to it. */
export const CONTRACT = 'application/vnd.millrace.contract+json';
export const HTML = 'text/html';
export const PROBLEM_JSON = 'application/problem+json';
export const PROBLEM_XML = 'application/problem+xml';

/** A representation, by the name that `?format=` takes. */
export type Format = 'atom' | 'cloudfeeds' | 'json' | 'jsonfeed' | 'rss' | 'cloudevents' | 'html';

export interface FormatRow {
  /** The Content-Type of a page; undefined: a page cannot be had so. */
  readonly page: string | undefined;
  /** The Content-Type of an entry; undefined: an entry cannot be had so. */
  readonly entry: string | undefined;
  /** Other media types in an Accept that get this. */
  readonly aliases: readonly string[];
  /** What may be published as, in the order in which it is told. */
  readonly publish: readonly string[];
  /**
   * Its readers follow links without telling again what they accept, so each link that leads to another page says
   * `format=`. Otherwise links say it where the request did.
   */
  readonly linksSayFormat: boolean;
}

/** The representations, the preferred first. */
export const FORMATS: Readonly<Record<Format, FormatRow>> = {
  atom: {
    page: `${ATOM_FEED};charset=utf-8`,
    entry: `${ATOM_ENTRY};charset=utf-8`,
    aliases: ['application/xml;charset=utf-8', 'text/xml;charset=utf-8'],
    publish: [ATOM, ATOM_ENTRY, ATOM_FEED],
    linksSayFormat: false,
  },
  cloudfeeds: {
    page: CLOUD_FEEDS,
    entry: CLOUD_FEEDS,
    aliases: [],
    publish: [CLOUD_FEEDS],
    linksSayFormat: false,
  },
  json: { page: JSON_TYPE, entry: JSON_TYPE, aliases: [], publish: [JSON_TYPE], linksSayFormat: false },
  jsonfeed: { page: JSON_FEED, entry: undefined, aliases: [], publish: [], linksSayFormat: true },
  rss: { page: `${RSS};charset=utf-8`, entry: undefined, aliases: [], publish: [], linksSayFormat: true },
  cloudevents: {
    page: CLOUD_EVENTS,
    entry: CLOUD_EVENT,
    aliases: [],
    publish: [CLOUD_EVENT, CLOUD_EVENTS],
    linksSayFormat: false,
  },
  html: {
    page: `${HTML};charset=utf-8`,
    entry: `${HTML};charset=utf-8`,
    aliases: [],
    publish: [],
    linksSayFormat: true,
  },
};

export const FORMAT_NAMES = Object.keys(FORMATS) as readonly Format[];

/** All that may be published, as Accept-Post and app:accept tell it. */
export const PUBLISHED_TYPES: readonly string[] = FORMAT_NAMES.flatMap((name) => FORMATS[name].publish);

const PARAMETER = /;[ \t]*([^\s=;]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g;
const TYPE = /^\s*([!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*(?:;|$)/i;

/** RFC 9110 §8.3.1; undefined when it is none. */
export function parseMediaType(text: string): MediaType | undefined {
  const type = TYPE.exec(text)?.[1];
  if (type === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, plain = ''] of text.matchAll(PARAMETER)) {
    parameters.set(name.toLowerCase(), quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1'));
  }
  return { type: type.toLowerCase(), parameters };
}

/** A media type without its parameters, in lower case. */
export function essence(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** Is a payload of this media type a JSON text (RFC 6839 §3.1)? */
export function isJsonType(mediaType: string): boolean {
  return /[/+]json$/.test(essence(mediaType));
}

/** Is a payload of this media type XML (RFC 4287 §4.1.3.3 by way of RFC 7303 §4.2)? */
export function isXmlType(mediaType: string): boolean {
  return /[/+]xml$/.test(essence(mediaType));
}
