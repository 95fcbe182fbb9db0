/** RFC 4291 §2.5.5.2 */
const MAPPED = '::ffff:';
/** RFC 4291 §2.2, the third form. */
const IPV4_AT_END = /:(\d+)\.(\d+)\.(\d+)\.(\d+)$/;

/**
 * Whom an address stands for when uses are counted: an IPv4 address for itself, also where it is written as one of IPv6; an IPv6
 * address for its /56, which is what most customers have of their own, if not more (RIPE-690 §4.2); a /64 alone would be one of 256.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  // As Node tells an IPv4 address where it listens on both.
  if (address.startsWith(MAPPED) && address.includes('.')) return address.slice(MAPPED.length);
  const groups = groupsOf(address);
  if (groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff') return ipv4Of(groups.slice(6));
  const [fourth = '0'] = groups.slice(3, 4);
  const last = Number.parseInt(fourth, 16) & 0xff00;
  return `${groups.slice(0, 3).join(':')}:${last.toString(16)}::/56`;
}

/** Eight groups, without leading zeros. */
function groupsOf(address: string): string[] {
  const [withoutZone = ''] = address.split('%', 1);
  const [head = '', tail] = withoutZone.replace(IPV4_AT_END, asGroups).split('::', 2);
  const before = listed(head);
  const after = listed(tail ?? '');
  const zeros = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after];
}

function asGroups(_all: string, ...bytes: readonly string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
  return `:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function listed(groups: string): string[] {
  return groups === '' ? [] : groups.split(':').map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''));
}

function ipv4Of(groups: readonly string[]): string {
  return groups
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}
