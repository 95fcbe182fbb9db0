import type { Request } from 'express';

/** RFC 7617: a name and a password. §2: the name ends at the first colon; §2.1: we say that we read UTF-8. */
export function basicCredentials({
  headers,
}: Pick<Request, 'headers'>): { readonly name: string; readonly password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
