import type { AnswerRules, Headers } from './respond.js';

/**
 * Of every answer: it is what its Content-Type says, in nobody's frame, and is handed to scripts of other origins only where
 * CORS_ORIGINS lets them have it: Cross-Origin-Resource-Policy is about requests without CORS (Fetch standard, "CORP check").
 */
const COMMON: Headers = [
  'x-content-type-options',
  'nosniff',
  'x-frame-options',
  'DENY',
  'referrer-policy',
  'no-referrer',
  'cross-origin-resource-policy',
  'same-origin',
];

/** A browser shows Atom and other XML as a document: what a publisher put in there neither runs nor loads anything. */
const DATA_POLICY: Headers = ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"];

/** A year, in seconds. Of other hosts below ours we know nothing: they are not included. */
const STRICT_TRANSPORT: Headers = ['strict-transport-security', 'max-age=31536000'];

/** Those of a server with this base URL. docs/security.md has them all, with those that we do not send. */
export function securityHeaders(publicUrl: string): AnswerRules['headers'] {
  const { protocol, hostname } = new URL(publicUrl);
  // Told of localhost it would shut out all other servers of who develops there. RFC 6797 §8.1.1: of an address it means nothing.
  const isStrict = protocol === 'https:' && hostname !== 'localhost';
  const ofPages = isStrict ? [...COMMON, ...STRICT_TRANSPORT] : COMMON;
  return { ofPages, ofData: [...ofPages, ...DATA_POLICY] };
}
