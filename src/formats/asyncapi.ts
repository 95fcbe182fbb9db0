import { isAuditFeed } from '../core/audit.js';
import { createHash } from 'node:crypto';
import type { Contract, ContractKind, ContractVersion, SchemaVersion } from '../core/contract.js';
import { isXmlKind } from '../core/contract.js';
import type { Urls } from '../core/urls.js';
import { schemaComponents } from './asyncapi-schemas.js';
import type { SchemaDocuments } from './asyncapi-schemas.js';
import { ATOM, ATOM_ENTRY, JSON_TYPE } from './media-types.js';
import { breather } from './slices.js';

/** A feed as a channel. */
export interface DescribedFeed {
  readonly workspace: string;
  readonly name: string;
  readonly title: string;
  readonly public: boolean;
  /** Of its contract, the oldest first. Where all are retired, or there are none, any entry may be published. */
  readonly versions: readonly DescribedVersion[];
}

export interface DescribedVersion {
  readonly version: SchemaVersion;
  readonly kind: ContractKind;
  /** Entries that were published by it are there to be read; no other can be. */
  readonly retired: boolean;
  /** A JSON contract that is to stand in the document. Else the document links to the schema. */
  readonly documents?: SchemaDocuments;
}

type Addresses = Pick<Urls, 'base' | 'schema'>;

/**
 * AsyncAPI 3.0: every feed as a channel, to which entries are published and from which they are read. The feeds are taken one
 * by one, and held as text: there may be thousands, each with its schemas.
 */
export async function asyncApi(feeds: AsyncIterable<DescribedFeed>, urls: Addresses, version: string): Promise<string> {
  const breathe = breather();
  const channels: string[] = [];
  const operations: string[] = [];
  const schemas: string[] = [];
  for await (const feed of feeds) {
    const key = channelKey(feed);
    const { published: taken, read, components } = messagesOf(feed, key, urls);
    const published = isAuditFeed(feed) ? {} : taken;
    const address = `/feeds/${feed.workspace}/${feed.name}`;
    channels.push(members({ [key]: { address, title: feed.title, messages: { ...published, ...read } } }));
    operations.push(members(operationsOf(feed, key, { published, read })));
    if (components.length > 0) schemas.push(members(Object.fromEntries(components)));
    await breathe();
  }
  const object = (parts: readonly string[]): string => `{${parts.join(',')}}`;
  return object([
    members(documentHead(urls, version)),
    `"channels":${object(channels)}`,
    `"operations":${object(operations)}`,
    `"components":${object([members(COMPONENTS), `"schemas":${object(schemas)}`])}`,
  ]);
}

/** The members of an object as they stand between its braces. */
function members(value: object): string {
  return JSON.stringify(value).slice(1, -1);
}

function documentHead(urls: Addresses, version: string): object {
  const { host, pathname, protocol } = new URL(urls.base);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Millrace',
      version,
      description: 'Feeds of events over plain HTTP. How they are published and read is described at /openapi.json.',
      externalDocs: { url: `${urls.base}/openapi.json`, description: 'The API (OpenAPI 3.1)' },
    },
    defaultContentType: ATOM,
    servers: {
      millrace: { host, ...(pathname === '/' ? {} : { pathname }), protocol: protocol.replace(':', '') },
    },
  };
}

/** A client's: what it sends and receives. */
function operationsOf(feed: DescribedFeed, key: string, { published, read }: ChannelMessages): object {
  const place = `#/channels/${key}`;
  const channel = { $ref: place };
  const among = (messages: object): object[] =>
    Object.keys(messages).map((name) => ({ $ref: `${place}/messages/${name}` }));
  const trait = (name: string): object => ({ $ref: `#/components/operationTraits/${name}` });
  const secured = { security: [{ $ref: '#/components/securitySchemes/bearer' }] };
  const publish = {
    action: 'send',
    channel,
    messages: among(published),
    ...secured,
    traits: [trait('publish')],
  };
  return {
    // To the server's own feed nobody publishes.
    ...(Object.keys(published).length === 0 ? {} : { [`publish.${key}`]: publish }),
    [`read.${key}`]: {
      action: 'receive',
      channel,
      messages: among(read),
      ...(feed.public ? {} : secured),
      traits: [trait('read')],
    },
  };
}

/**
 * A version as it can stand in a document that has room for so many more characters of schemas. A retired one takes none of
 * that from those in force.
 */
export function describedVersion(
  { version, kind, retired }: Pick<ContractVersion, 'version' | 'kind' | 'retired'>,
  contract: Pick<Contract, 'schema' | 'imports'> | undefined,
  room: number,
): DescribedVersion & { readonly characters: number } {
  const linked = { version, kind, retired, characters: 0 };
  if (contract === undefined || retired || isXmlKind(kind)) return linked;
  const imports = Object.entries(contract.imports);
  const characters = imports.reduce((sum, [, text]) => sum + text.length, contract.schema.length);
  if (characters > room) return linked;
  const documents = {
    schema: JSON.parse(contract.schema) as unknown,
    imports: Object.fromEntries(imports.map(([name, text]) => [name, JSON.parse(text) as unknown])),
  };
  return { ...linked, documents, characters };
}

/**
 * AsyncAPI 3.0, Channels Object: keys are of letters, digits and `.-_`. Most names are; a name that has a dot or a tilde in it
 * could be taken for another, so its feed is told apart by a digest.
 */
export function channelKey({ workspace, name }: Pick<DescribedFeed, 'workspace' | 'name'>): string {
  const key = `${workspace}.${name}`;
  if (!/[.~]/.test(workspace + name)) return key;
  const digest = createHash('sha256').update(`${workspace}/${name}`).digest('hex').slice(0, 8);
  return `${key.replaceAll('~', '.')}-${digest}`;
}

/** What goes to a feed and what comes from it, by the names that the channel has for them. */
interface ChannelMessages {
  readonly published: Readonly<Record<string, object>>;
  readonly read: Readonly<Record<string, object>>;
}

/** With the components that JSON Schemas have become. */
function messagesOf(
  feed: DescribedFeed,
  key: string,
  urls: Addresses,
): ChannelMessages & { readonly components: readonly [string, object][] } {
  const components: [string, object][] = [];
  const isFree = feed.versions.every(({ retired }) => retired);
  const published: Record<string, object> = isFree ? { entry: ANY_ENTRY } : {};
  const read: Record<string, object> = { ...published };
  for (const { version, kind, retired, documents } of feed.versions) {
    const name = `${key}.v${String(version)}`;
    const own = documents === undefined ? undefined : schemaComponents(name, documents);
    if (own !== undefined) components.push(...Object.entries(own));
    const externalDocs = { url: urls.schema(feed, version), description: SCHEMA_NAMES[kind] };
    const message = {
      name,
      title: `${feed.title}, version ${String(version)}${retired ? ' (retired)' : ''}`,
      contentType: isXmlKind(kind) ? 'application/xml' : JSON_TYPE,
      payload: own === undefined ? { ...LINKED[kind], externalDocs } : { $ref: `#/components/schemas/${name}` },
      externalDocs,
    };
    read[`read.v${String(version)}`] = message;
    // By itself the payload would be taken for a document of this media type: its headers make it the data of an event.
    if (!retired) published[`publish.v${String(version)}`] = { ...message, traits: [EVENT] };
  }
  return { published, read, components };
}

const EVENT = { $ref: '#/components/messageTraits/event' };
const ANY_ENTRY = { $ref: '#/components/messages/entry' };
const HTTP_BINDING = '0.3.0';

const SCHEMA_NAMES: Readonly<Record<ContractKind, string>> = {
  'json-schema': 'The JSON Schema of the content',
  xsd: 'The XML Schema of the content',
  'relax-ng': 'The RELAX NG schema of the content',
};

/** A payload whose schema stands elsewhere. */
const XML_CONTENT = { type: 'string', contentMediaType: 'application/xml', description: 'One XML element.' };
const LINKED: Readonly<Record<ContractKind, object>> = {
  'json-schema': { description: 'A JSON value.' },
  xsd: XML_CONTENT,
  'relax-ng': XML_CONTENT,
};

const COMPONENTS = {
  securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'The admin token.' } },
  messages: {
    entry: {
      name: 'entry',
      title: 'An Atom entry',
      contentType: ATOM_ENTRY,
      payload: {
        type: 'string',
        contentMediaType: ATOM,
        description: 'An atom:entry. No contract is in force in this feed: its content may be anything.',
      },
      externalDocs: { url: 'https://www.rfc-editor.org/rfc/rfc4287', description: 'RFC 4287' },
    },
  },
  messageTraits: {
    event: {
      headers: {
        type: 'object',
        description: 'The attributes of a CloudEvent in binary mode.',
        required: ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'],
        properties: {
          'ce-specversion': { type: 'string', const: '1.0' },
          'ce-id': { type: 'string', minLength: 1 },
          'ce-source': { type: 'string', format: 'uri-reference', minLength: 1 },
          'ce-type': { type: 'string', minLength: 1 },
          'ce-time': { type: 'string', format: 'date-time' },
          'ce-dataschema': {
            type: 'string',
            format: 'uri',
            description: 'The URL of the version that the data keeps to, where that is not the newest.',
          },
        },
      },
    },
  },
  operationTraits: {
    publish: {
      summary: 'Publish',
      description:
        'POST. With its headers the payload is the body of a CloudEvent in binary mode. It may also be sent as the data of one ' +
        'in structured mode, or as the content of an entry in Atom or JSON.',
      bindings: { http: { method: 'POST', bindingVersion: HTTP_BINDING } },
    },
    read: {
      summary: 'Poll',
      description:
        'GET: pages of entries, newest first; the payload is the content of each, or the data of each event where ' +
        'CloudEvents are asked for. What was published before the feed had a contract has any content. Follow the link ' +
        '`previous` for what is newer; send the ETag in If-None-Match.',
      bindings: {
        http: {
          method: 'GET',
          query: {
            type: 'object',
            properties: {
              limit: { type: 'integer', minimum: 1, maximum: 1000 },
              marker: { type: 'string' },
              direction: { type: 'string', enum: ['forward', 'backward'] },
              startingAt: { type: 'string', format: 'date-time' },
              search: { type: 'string' },
            },
          },
          bindingVersion: HTTP_BINDING,
        },
      },
    },
  },
};
