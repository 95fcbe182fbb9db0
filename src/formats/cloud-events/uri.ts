/** RFC 3986 §2: neither unreserved nor reserved, or a "%" that begins no escape. */
const NOT_OF_A_URI = /[^\w.~:/?#[\]@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})/;
const ALL_NOT_OF_A_URI = new RegExp(NOT_OF_A_URI, 'gu');
/** RFC 3986 appendix B: scheme, authority, path, and what comes behind it. */
const PARTS = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
/** RFC 3986 §3.2; brackets are for addresses of IP only. */
const AUTHORITY = /^(?:[^@[\]]*@)?(?:\[[^[\]@]*\]|[^:[\]@]*)(?::\d*)?$/;

/** Is it a URI reference (RFC 3986 §4.1)? */
export function isUriReference(text: string): boolean {
  if (NOT_OF_A_URI.test(text)) return false;
  const [, scheme, authority, path = '', rest = ''] = PARTS.exec(text) ?? [];
  if (scheme !== undefined && !SCHEME.test(scheme)) return false;
  if (authority !== undefined && !AUTHORITY.test(authority)) return false;
  // §4.2: the first segment of a relative path holds no colon, or it were a scheme.
  if (scheme === undefined && authority === undefined && path.startsWith(':')) return false;
  return !/[[\]]/.test(path) && !/[[\]]|#.*#/s.test(rest);
}

/** Is it a URI: a reference with a scheme (RFC 3986 §3)? */
export function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) && isUriReference(text);
}

/** An IRI reference as a URI reference (RFC 3987 §3.1); undefined when even so it is none. */
export function uriOfIri(iri: string): string | undefined {
  const uri = iri.toWellFormed().replaceAll(ALL_NOT_OF_A_URI, encodeURIComponent);
  if (isUriReference(uri)) return uri;
  // Many write brackets in a query.
  const bare = uri.replaceAll(/[[\]]/g, encodeURIComponent);
  return isUriReference(bare) ? bare : undefined;
}
