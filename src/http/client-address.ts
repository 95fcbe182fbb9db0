import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { compile } from 'proxy-addr';
import { hopsIn } from '../core/proxy-header.js';
import type { ProxyHeader } from '../core/proxy-header.js';

/** The address of who sent a request; empty when its connection has gone already. */
export type ClientAddress = (req: Pick<IncomingMessage, 'headers' | 'socket'>) => string;

/**
 * That is who opened the connection, unless it is one of `trusted` (as proxy-addr takes them): then whoever that one says it
 * heard from, and so on. What a stranger says is never believed: the walk ends at the first who is not trusted, and before the
 * first that is no address. One address has one form: IPv4 within IPv6 (RFC 4291 §2.5.5.2) is IPv4, IPv6 is as RFC 5952 says.
 */
export function clientAddressBy(trusted: readonly string[], header: ProxyHeader): ClientAddress {
  const near: ClientAddress = ({ socket }) => withoutMapping(socket.remoteAddress ?? '');
  if (trusted.length === 0) return near;
  const isTrusted = compile([...trusted]);
  return (req) => {
    let client = near(req);
    const value = req.headers[header];
    if (typeof value !== 'string' || !isTrusted(client, 0)) return client;
    for (const hop of hopsIn(header, value)) {
      if (isIP(hop) === 0) return client;
      client = oneForm(hop);
      if (!isTrusted(client, 0)) return client;
    }
    return client;
  };
}

const MAPPED = '::ffff:';

/** What the system tells of a connection is in the one form already, but for this. */
function withoutMapping(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address;
}

function oneForm(address: string): string {
  // A zone (RFC 4007 §11) names an interface of the machine that wrote it; URLs have none.
  if (!address.includes(':') || address.includes('%')) return address;
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical(address)) ?? [];
  return high === undefined || low === undefined ? canonical(address) : dotted(high, low);
}

function canonical(ipv6: string): string {
  return new URL(`http://[${ipv6}]`).hostname.slice(1, -1);
}

function dotted(...groups: readonly string[]): string {
  return groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]).join('.');
}
