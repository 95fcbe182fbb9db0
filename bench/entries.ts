/** What the bench publishes: entries of 1.2 kB with three categories, each with an id of its own. */

const BYTES = 1_200;
/** Stand for the id and the tenant, which are written over them; as long as what is. */
export const ID_PLACE = 'urn:uuid:ffffffff-ffff-4fff-8fff-ffffffffffff';
export const TENANT_PLACE = 'tid:999999';
/** Each tenant has every hundredth entry of a feed that `fillFeed` has filled. */
const TENANTS = 100;

/** The n-th id of a run (8 hexadecimal digits), the same in here as in the SQL of fill-feed.ts. */
export function entryId(run: string, n: number): string {
  return `urn:uuid:${run}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function tenantOf(n: number): string {
  return `tid:${String(100_000 + (n % TENANTS))}`;
}

export const ENTRY_TEMPLATE = template();

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
