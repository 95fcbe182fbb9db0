/** What may be published in a feed. A contract has versions, 1, 2, 3 …; a version never changes. */
export interface Contract {
  readonly kind: ContractKind;
  /** Of the entry's content: the text of the JSON Schema, XML Schema or RELAX NG document. */
  readonly schema: string;
  /** Texts of the documents that the schema refers to, by the name that it refers to them by. */
  readonly imports: Readonly<Record<string, string>>;
  /** Prefixes in XPath expressions and the URIs that they stand for. */
  readonly namespaces: Readonly<Record<string, string>>;
  readonly assertions: readonly Assertion[];
  readonly categories: readonly Extraction[];
  /** Where in the content values stand that only some may see: XPath expressions or JSON Pointers. */
  readonly private: readonly string[];
  /** Values that exports can have as columns, by their names; absent: none. */
  readonly columns?: Readonly<Record<string, ColumnRule>>;
  /** The text of a content that the contract accepts. */
  readonly example?: string;
}

export const CONTRACT_KINDS = ['json-schema', 'xsd', 'relax-ng'] as const;
export type ContractKind = (typeof CONTRACT_KINDS)[number];

/** What must be true of an entry beside its schema. */
export interface Assertion {
  /**
   * In XML contracts an XPath 1.0 expression, evaluated at the atom:entry; in JSON contracts the text of a JSON Schema
   * that the content must fit too.
   */
  readonly test: string;
  /** What the publisher is told when it is not. */
  readonly message: string;
}

/** A value of the content that becomes a category: `tid` at `@tenantId` makes `tid:6140233`. */
export interface Extraction {
  readonly prefix: string;
  /** An XPath 1.0 expression, evaluated at the content's element, or a JSON Pointer (RFC 6901). */
  readonly path: string;
}

/** A 64-bit integer is an `integer`, a double a `number`; a `timestamp` is in UTC, to the millisecond. */
export type ColumnType = 'string' | 'integer' | 'number' | 'boolean' | 'timestamp';

/** Where a contract finds the value of a column. */
export interface ColumnRule {
  /** An XPath 1.0 expression, evaluated at the content's element, or a JSON Pointer (RFC 6901). */
  readonly path: string;
  readonly type: ColumnType;
}

/** By its name in the contract. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>;

export type SchemaVersion = number;

/** What is known of a version without its text. */
export interface ContractVersion {
  /** Of all versions of all feeds: what compiled contracts are kept by. */
  readonly id: number;
  readonly version: SchemaVersion;
  readonly kind: ContractKind;
  /** It names values that only some may see. */
  readonly hasPrivate: boolean;
  /** Entries can no longer name it, and it is never the active one. */
  readonly retired: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
}

export const COMPATIBILITIES = [
  'none',
  'backward',
  'forward',
  'full',
  'backward-transitive',
  'forward-transitive',
  'full-transitive',
] as const;

/**
 * What a new version may change. Backward: who reads by the new version can read what was published by the older; so the
 * new one accepts all that the older did. Forward: who reads by the older can read what is published by the new one. Full:
 * both. Checked against the version before, or, transitive, against all that are not retired.
 */
export type Compatibility = (typeof COMPATIBILITIES)[number];
export const DEFAULT_COMPATIBILITY: Compatibility = 'backward';

/** One way in which a version breaks with an older one. */
export interface Break {
  /** Names the rule, in kebab-case: `property-removed`. */
  readonly rule: string;
  /** Where: a JSON Pointer into the schema, or a path of element and attribute names. */
  readonly path: string;
  /** What an older or newer document may hold that the other version refuses. */
  readonly message: string;
}

/** The version that entries are checked against when they name none: the newest that is not retired. */
export function activeVersion(versions: readonly ContractVersion[]): ContractVersion | undefined {
  return versions.findLast(({ retired }) => !retired);
}

/** The version of this number, as it stands in a URL. */
export function versionNumbered(versions: readonly ContractVersion[], text: string): ContractVersion | undefined {
  return versions.find(({ version }) => String(version) === text);
}

/** Is this kind of contract about XML content? */
export function isXmlKind(kind: ContractKind): boolean {
  return kind !== 'json-schema';
}

/** The content of an entry, in the form that its contract is about. */
export type CheckedContent =
  /** Self-contained Atom whose content is one element: the whole entry, and the same with nothing but the content. */
  | { readonly kind: 'xml'; readonly entry: string; readonly alone: string }
  /** A JSON text. Of what was made from XML, texts that read as a number or a boolean are taken as one. */
  | { readonly kind: 'json'; readonly json: string; readonly fromXml: boolean };

/** Where in an entry something stands, in the form that its contract is about. */
export type ContentPlace =
  /** The entry as a whole. */
  | { readonly kind: 'entry' }
  /** The element at this XPath of the entry's Atom text, as libxml2 writes it, or one of its attributes. */
  | { readonly kind: 'xml'; readonly xpath: string; readonly attribute?: string }
  /** A value of the JSON content (RFC 6901). */
  | { readonly kind: 'json'; readonly pointer: string };

/** One way in which an entry breaks its contract. */
export interface Finding {
  readonly place: ContentPlace;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
}

/** A mistake in a contract itself. */
export interface ContractMistake {
  /** A JSON Pointer into the contract as it is sent: `/schema`, `/imports/address.json/properties`, `/assertions/0/test`. */
  readonly pointer: string;
  /** 1-based, in the text of an XML document there. */
  readonly line?: number;
  readonly message: string;
}
