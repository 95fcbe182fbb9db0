/** A media type as it stands in a Content-Type: lower case, its parameters by lower-case name. */
export interface MediaType {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export const ATOM = 'application/atom+xml';
export const ATOM_ENTRY = 'application/atom+xml;type=entry';
export const ATOM_FEED = 'application/atom+xml;type=feed';
export const ATOM_SERVICE = 'application/atomsvc+xml';
export const ATOM_CATEGORIES = 'application/atomcat+xml';
export const PROBLEM_JSON = 'application/problem+json';
export const PROBLEM_XML = 'application/problem+xml';

const PARAMETER = /;[ \t]*([^\s=;]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g;
const TYPE = /^\s*([!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*(?:;|$)/i;

/** RFC 9110 §8.3.1; undefined when it is none. */
export function parseMediaType(text: string): MediaType | undefined {
  const type = TYPE.exec(text)?.[1];
  if (type === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, plain = ''] of text.matchAll(PARAMETER)) {
    parameters.set(name.toLowerCase(), quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1'));
  }
  return { type: type.toLowerCase(), parameters };
}
