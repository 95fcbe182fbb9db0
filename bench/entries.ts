import { readFileSync } from 'node:fs';
import type { EntryKind } from './jobs.js';

/** What the bench publishes: entries of 1.2 kB with three categories, each with an id of its own. */

const BYTES = 1_200;
/** Stand for the id and the tenant, which are written over them; as long as what is. */
export const UUID_PLACE = 'ffffffff-ffff-4fff-8fff-ffffffffffff';
export const ID_PLACE = `urn:uuid:${UUID_PLACE}`;
export const TENANT_PLACE = 'tid:999999';
/** Each tenant has every hundredth entry of a feed that `fillFeed` has filled. */
const TENANTS = 100;

/** The n-th id of a run (8 hexadecimal digits), the same in here as in the SQL of fill-feed.ts. */
export function entryId(run: string, n: number): string {
  return `urn:uuid:${entryUuid(run, n)}`;
}

export function entryUuid(run: string, n: number): string {
  return `${run}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function tenantOf(n: number): string {
  return `tid:${String(100_000 + (n % TENANTS))}`;
}

export const ENTRY_TEMPLATE = template();

export function entryTemplate(kind: EntryKind): string {
  switch (kind) {
    case 'plain':
      return ENTRY_TEMPLATE;
    case 'usage-event':
      return sample('04-loadbalancer-usage.xml');
    case 'order-event':
      return sample('14-json-content-base64.xml').replace(/(<atom:content[^>]*>)[^<]*/, `$1${orderOf(ORDER_LINES)}`);
  }
}

/** Of an order whose entry has 2 kB. */
const ORDER_LINES = 14;

/** A sample entry, with a place for its id wherever that stands. */
function sample(name: string): string {
  const text = readFileSync(new URL(`../test/fixtures/${name}`, import.meta.url), 'utf8');
  const uuid = /<atom:id>urn:uuid:([^<]*)</.exec(text)?.[1];
  if (uuid === undefined) throw new Error(`no id in ${name}`);
  return text.replaceAll(uuid, UUID_PLACE);
}

function orderOf(lines: number): string {
  const order = {
    orderId: 'SO-88213',
    placedAt: '2024-03-12T10:03:11Z',
    customer: { account: '020-118345', contact: 'it-kob' },
    lines: Array.from({ length: lines }, (_, n) => ({
      sku: `CDN-${String(100 + n)}`,
      qty: 1,
      price: 49.5,
      term: 'P1Y',
    })),
    flags: { trial: false, rush: true },
    note: 'quote "Q-17" & discount < 5%',
  };
  return Buffer.from(JSON.stringify({ order })).toString('base64');
}

export function entryXml(id: string, tenant: string): string {
  return ENTRY_TEMPLATE.replace(ID_PLACE, id).replace(TENANT_PLACE, tenant);
}

function template(): string {
  const xml = (filling: string): string => `<?xml version="1.0" encoding="UTF-8"?>
<atom:entry xmlns:atom="http://www.w3.org/2005/Atom">
  <atom:id>${ID_PLACE}</atom:id>
  <atom:title type="text">Compute instance hours</atom:title>
  <atom:updated>2026-03-11T15:00:09.482Z</atom:updated>
  <atom:author><atom:name>compute-metering</atom:name></atom:author>
  <atom:category term="${TENANT_PLACE}"/>
  <atom:category term="rgn:ORD"/>
  <atom:category term="type:compute.instances.server.usage"/>
  <atom:content type="application/xml">
    <event xmlns="http://example.org/core/event" xmlns:ins="http://example.org/usage/compute/instances"
           version="2" type="USAGE" resourceName="web-blue-04" environment="PROD" region="ORD" dataCenter="ORD1"
           startTime="2026-03-11T14:00:00Z" endTime="2026-03-11T15:00:00Z">
      <ins:product version="3" serviceCode="Compute" resourceType="SERVER" flavorId="mem-8-gen2"
                   flavorName="Memory 8 GB &amp; fast disk" osLicense="LINUX"${filling}/>
    </event>
  </atom:content>
</atom:entry>
`;
  const bare = xml(' note=""').length;
  return xml(` note="${'measured '.repeat(BYTES).slice(0, BYTES - bare)}"`);
}
