import { expect } from 'chai';
import type { TestApp } from './app.js';
import { anId } from './build.js';

export const EVENT = 'urn:example:event';

/** An XML contract: an event with a tenant, a count and any number of items. */
export const EVENT_XSD = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="${EVENT}" elementFormDefault="qualified">
  <xs:element name="event">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="item" minOccurs="0" maxOccurs="unbounded">
          <xs:complexType>
            <xs:attribute name="qty" type="xs:positiveInteger" use="required"/>
          </xs:complexType>
        </xs:element>
      </xs:sequence>
      <xs:attribute name="tenantId" type="xs:string"/>
      <xs:attribute name="count" type="xs:int" use="required"/>
    </xs:complexType>
  </xs:element>
</xs:schema>`;

/** The same rules in JSON. */
export const EVENT_JSON_SCHEMA = {
  type: 'object',
  required: ['event'],
  properties: {
    event: {
      type: 'object',
      required: ['count'],
      properties: {
        '@type': { type: 'string' },
        tenantId: { type: 'string' },
        count: { type: 'integer' },
        item: {
          anyOf: [{ $ref: '#/$defs/item' }, { type: 'array', items: { $ref: '#/$defs/item' } }],
        },
      },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
  $defs: {
    item: { type: 'object', required: ['qty'], properties: { qty: { type: 'integer', minimum: 1 } } },
  },
};

export interface AddedVersion {
  readonly version: number;
  readonly state: string;
  readonly url: string;
  readonly compatibility: { mode: string; against: number[]; breaks: unknown[] };
}

/** Adds a contract to the feed at this path (`/feeds/…`), which must be taken. */
export async function addContract(app: TestApp, feed: string, contract: unknown): Promise<AddedVersion> {
  const response = await postContract(app, feed, contract);
  if (response.status !== 201) throw new Error(`${String(response.status)}: ${await response.text()}`);
  return (await response.json()) as AddedVersion;
}

export function postContract(app: TestApp, feed: string, contract: unknown, query = ''): Promise<Response> {
  return app.request(`/admin${feed}/schemas${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof contract === 'string' ? contract : JSON.stringify(contract),
  });
}

/** Content of an XML entry. */
export function eventContent(attributes: string, inner = ''): string {
  return `<content type="application/xml"><event xmlns="${EVENT}" ${attributes}>${inner}</event></content>`;
}

/** A value of JSON content as text in an XML entry. */
export function jsonContent(json: unknown): string {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  return `<content type="application/json">${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</content>`;
}

/** An entry of JSON content in the JSON mapping; `json` is a value, or its text. */
export function jsonEntry(json: unknown, more: Record<string, unknown> = {}): string {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  const members = { '@type': 'http://www.w3.org/2005/Atom', id: anId(), title: 'x', ...more };
  return `{"entry":${JSON.stringify(members).slice(0, -1)},"content":{"type":"application/json","@text":${text}}}}`;
}

/** One violation, or one mistake in a contract, as a problem tells it. */
export interface Told {
  readonly path: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  readonly expected?: string;
  readonly found?: string;
  readonly rule?: string;
  readonly version?: number;
  readonly direction?: string;
}

export interface Refusal {
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly Told[];
}

/** The refusal that an answer has to be: of this status and kind. */
export async function refusalIn(response: Response, status: number, code: string): Promise<Refusal> {
  const text = await response.text();
  expect(response.status, text).to.equal(status);
  const problem = JSON.parse(text) as Refusal;
  expect(problem.type).to.equal(`urn:millrace:problem:${code}`);
  return problem;
}

/** The violations of the contract that an answer has to tell. */
export async function violationsIn(response: Response): Promise<readonly Told[]> {
  return (await refusalIn(response, 422, 'contract-violated')).errors;
}

/** The mistakes in a contract that an answer has to tell. */
export async function mistakesIn(response: Response): Promise<readonly Told[]> {
  return (await refusalIn(response, 422, 'invalid-contract')).errors;
}

/** The text of an answer that has to have this status. */
export async function textOf(response: Response, status: number): Promise<string> {
  const text = await response.text();
  expect(response.status, text.slice(0, 2_000)).to.equal(status);
  return text;
}

export function send(app: TestApp, feed: string, body: string, type = 'application/atom+xml'): Promise<Response> {
  return app.request(feed, { method: 'POST', headers: { 'content-type': type }, body });
}

let feeds = 0;

/** A feed of its own with these contracts, version by version. */
export async function feedOf(app: TestApp, contracts: readonly unknown[], settings = {}): Promise<string> {
  const feed = await app.feed(`c${String(++feeds)}`, settings);
  for (const contract of contracts) await addContract(app, feed, contract);
  return feed;
}

export async function retire(app: TestApp, feed: string, version: number, retired = true): Promise<void> {
  const response = await app.request(`/admin${feed}/schemas/${String(version)}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ retired }),
  });
  await textOf(response, 200);
}
