import { namedUuid } from '../../core/uuid.js';

/** A CloudEvent (CloudEvents 1.0.2), known to be valid. */
export interface CloudEvent {
  /** By name, `specversion` included. */
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  readonly data: EventData;
}

/** The value of a context attribute, as the type system of CloudEvents writes it in a string. */
export interface AttributeValue {
  readonly type: 'boolean' | 'integer' | 'string';
  readonly text: string;
}

/** The data of an event, by what stands for it in the JSON event format (§3.1). */
export type EventData =
  | { readonly kind: 'none' }
  /** `data` is this JSON text, as its publisher wrote it. */
  | { readonly kind: 'json'; readonly json: string }
  /** `data` is a string: the payload itself, of a media type that is not JSON. */
  | { readonly kind: 'text'; readonly text: string }
  /** `data_base64` */
  | { readonly kind: 'binary'; readonly bytes: Buffer };

export const SPEC_VERSION = '1.0';

/** The attributes that the specification itself defines, in the order in which they are written. */
export const CORE_ATTRIBUTES: readonly string[] = [
  'specversion',
  'id',
  'source',
  'type',
  'subject',
  'time',
  'datacontenttype',
  'dataschema',
];

/** The namespace of the element that carries an event's attributes in an entry. */
export const EVENT_NAMESPACE = 'urn:millrace:cloudevents';

/** What the UUIDs below are made in. It must never change: the ids of stored entries come from it. */
const ID_NAMESPACE = Buffer.from('347f0f81df8e443c882b0729207afdca', 'hex');

export function textOfAttribute({ attributes }: CloudEvent, name: string): string | undefined {
  return attributes.get(name)?.text;
}

/**
 * The atom:id of an event: a UUID of version 5 (RFC 9562 §5.5) of its source and id, which together name it. Neither can
 * hold a line feed.
 */
export function eventAtomId(source: string, id: string): string {
  return namedUuid(ID_NAMESPACE, `${source}\n${id}`);
}

/** The event in the JSON event format. Extensions come in the order of their names. */
export function eventJson({ attributes, data }: CloudEvent): string {
  const extensions = [...attributes.keys()].filter((name) => !CORE_ATTRIBUTES.includes(name)).toSorted();
  let json = '';
  for (const name of [...CORE_ATTRIBUTES, ...extensions]) {
    const value = attributes.get(name);
    if (value === undefined) continue;
    json += `,${JSON.stringify(name)}:${value.type === 'string' ? JSON.stringify(value.text) : value.text}`;
  }
  return `{${json.slice(1)}${dataJson(data)}}`;
}

function dataJson(data: EventData): string {
  switch (data.kind) {
    case 'none':
      return '';
    case 'json':
      return `,"data":${data.json}`;
    case 'text':
      return `,"data":${JSON.stringify(data.text)}`;
    case 'binary':
      return `,"data_base64":"${data.bytes.toString('base64')}"`;
  }
}
