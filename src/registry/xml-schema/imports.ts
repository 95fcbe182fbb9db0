/** Names of documents given along stand below this, so that relative ones within them are found too. */
const BASE = 'contract:/';

/** Where the schema itself stands. */
export const SCHEMA_URL = `${BASE}schema`;

export type Imports = Readonly<Record<string, string>>;

/** The name that a document was given by. */
export function plainName(url: string): string {
  return url.startsWith(BASE) ? url.slice(BASE.length) : url;
}

/** The text of a document: by its name as it stands, or resolved against that of the document that names it. */
export function importNamed(imports: Imports, url: string): string | undefined {
  const name = plainName(url);
  return Object.hasOwn(imports, url) ? imports[url] : Object.hasOwn(imports, name) ? imports[name] : undefined;
}

/** What a schemaLocation or href in the document at the URL refers to, as libxml2 resolves it. */
export function locatedAt(location: string, within: string): string {
  const isAbsolute = /^[a-z][a-z\d+.-]*:/iu.test(location);
  return !isAbsolute && URL.canParse(location, within) ? new URL(location, within).href : location;
}
