/** The headers in which a proxy can tell whom it speaks for. Which one it writes is a setting: the other one is its client's. */
export const PROXY_HEADERS = ['x-forwarded-for', 'forwarded'] as const;
export type ProxyHeader = (typeof PROXY_HEADERS)[number];

/**
 * Whom each proxy of the chain says it heard from, the nearest proxy first, without ports and brackets. What it does not tell, or not
 * as an address (RFC 7239 §6.3), is an entry that is no address.
 */
export function hopsIn(header: ProxyHeader, value: string): string[] {
  const hops = header === 'forwarded' ? elementsIn(value).map(forIn) : value.split(',').reverse();
  return hops.map((hop) => withoutPort(hop.trim()));
}

/**
 * RFC 7239 §4: elements with commas in between, the last one first. They are looked for from the end: each proxy appends to what it got,
 * and a quote that a client opened and did not close must not swallow what the proxy wrote behind it.
 */
function elementsIn(value: string): string[] {
  const elements: string[] = [];
  let end = value.length;
  let isQuoted = false;
  for (let at = value.length - 1; at >= 0; at -= 1) {
    const character = value[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === ',' && !isQuoted) {
      elements.push(value.slice(at + 1, end));
      end = at;
    }
  }
  elements.push(value.slice(0, end));
  return elements;
}

/** A name and its value, which may be quoted; of an address no character is ever escaped. */
const PAIR = /([\w-]+)=(?:"([^"]*)"|([^;"]*))/g;

function forIn(element: string): string {
  for (const [, name = '', quoted, token = ''] of element.matchAll(PAIR)) {
    if (name.toLowerCase() === 'for') return quoted ?? token;
  }
  return '';
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` have a port; `2001:db8::1` has none. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\]/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
}
