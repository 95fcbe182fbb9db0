import { Ajv2020 } from 'ajv/dist/2020.js';
import { isRfc3339 } from '../../src/formats/dates.js';

const text = { type: 'string' };
const url = { type: 'string', format: 'absolute-url' };
const date = { type: 'string', format: 'date-time' };
/** §extensions: `_` and a letter; neither the name nor the keys within have a dot, and no key has a leading `_`. */
const extensions = {
  '^_[A-Za-z][^.]*$': { type: 'object', propertyNames: { pattern: '^[^_.][^.]*$' } },
};
const authors = {
  type: 'array',
  items: {
    type: 'object',
    properties: { name: text, url, avatar: url },
    minProperties: 1,
    patternProperties: extensions,
    additionalProperties: false,
  },
};
const attachment = {
  type: 'object',
  properties: {
    url,
    mime_type: text,
    title: text,
    size_in_bytes: { type: 'number', minimum: 0 },
    duration_in_seconds: { type: 'number', minimum: 0 },
  },
  required: ['url', 'mime_type'],
  patternProperties: extensions,
  additionalProperties: false,
};
const item = {
  type: 'object',
  properties: {
    id: { type: 'string', pattern: '\\S' },
    url,
    external_url: url,
    title: text,
    content_html: text,
    content_text: text,
    summary: text,
    image: url,
    banner_image: url,
    date_published: date,
    date_modified: date,
    authors,
    tags: { type: 'array', items: text },
    language: { type: 'string', pattern: '^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$' },
    attachments: { type: 'array', items: attachment },
  },
  required: ['id'],
  anyOf: [{ required: ['content_html'] }, { required: ['content_text'] }],
  patternProperties: extensions,
  additionalProperties: false,
};
const feed = {
  type: 'object',
  properties: {
    version: { const: 'https://jsonfeed.org/version/1.1' },
    title: text,
    home_page_url: url,
    feed_url: url,
    description: text,
    user_comment: text,
    next_url: url,
    icon: url,
    favicon: url,
    authors,
    language: text,
    expired: { type: 'boolean' },
    hubs: { type: 'array' },
    items: { type: 'array', items: item },
  },
  required: ['version', 'title', 'items'],
  patternProperties: extensions,
  additionalProperties: false,
};

const ajv = new Ajv2020({
  allErrors: true,
  formats: { 'absolute-url': (value: string) => URL.canParse(value), 'date-time': isRfc3339 },
});
const validate = ajv.compile<JsonFeed>(feed);

/** JSON Feed 1.1 as far as the tests look into it. */
export interface JsonFeed {
  readonly version: string;
  readonly title: string;
  readonly home_page_url?: string;
  readonly feed_url?: string;
  readonly next_url?: string;
  readonly authors?: readonly JsonFeedAuthor[];
  readonly items: readonly JsonFeedItem[];
  readonly _millrace: {
    readonly newer?: string;
    readonly deleted: readonly { readonly id: string; readonly when: string }[];
  };
}

export interface JsonFeedAuthor {
  readonly name?: string;
  readonly url?: string;
}

export interface JsonFeedItem {
  readonly id: string;
  readonly url?: string;
  readonly external_url?: string;
  readonly title?: string;
  readonly content_html?: string;
  readonly content_text?: string;
  readonly summary?: string;
  readonly date_published?: string;
  readonly date_modified?: string;
  readonly authors?: readonly JsonFeedAuthor[];
  readonly tags?: readonly string[];
  readonly language?: string;
  readonly attachments?: readonly Record<string, unknown>[];
}

/** Throws, with all that is wrong, for what is no JSON Feed 1.1 as its specification has it. */
export function checkJsonFeed(source: string): JsonFeed {
  const value: unknown = JSON.parse(source);
  if (validate(value)) return value;
  throw new Error(`no JSON Feed: ${ajv.errorsText(validate.errors, { separator: '\n' })}\n${source.slice(0, 2_000)}`);
}
