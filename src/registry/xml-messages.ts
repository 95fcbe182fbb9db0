import { shorten } from '../formats/text.js';

/** What libxml2 says of an instance, taken apart for those who would rather be told by a program. */
export interface XmlMessage {
  readonly message: string;
  /** The attribute of the element that it is about, without its prefix. */
  readonly attribute?: string;
  readonly expected?: string;
  readonly found?: string;
}

/** Of values and lists within a message. */
const SHOWN_CHARACTERS = 200;
const MESSAGE_CHARACTERS = 600;

interface Shape {
  /** Its groups `found` and `expected` are what was found and what would have been right. */
  readonly pattern: RegExp;
  /** How these are told; as they stand where nothing is said. */
  readonly found?: (found: string) => string;
  readonly expected?: (expected: string) => string;
}

const after =
  (words: string) =>
  (what: string): string =>
    `${words} ${what}`;

/** In libxml2's words (xmlschemas.c, relaxng.c). What none of these fits is told as it stands. */
const SHAPES: readonly Shape[] = [
  {
    pattern: /^\[facet 'enumeration'\] The value '(?<found>.*)' is not an element of the set \{(?<expected>.*)\}\.$/,
    expected: after('one of'),
  },
  {
    pattern: /^\[facet 'pattern'\] The value '(?<found>.*)' is not accepted by the pattern '(?<expected>.*)'\.$/,
    expected: after('what fits the pattern'),
  },
  {
    pattern:
      /^\[facet 'minInclusive'\] The value '(?<found>.*)' is less than the minimum value allowed \('(?<expected>.*)'\)\.$/,
    expected: after('at least'),
  },
  {
    pattern:
      /^\[facet 'maxInclusive'\] The value '(?<found>.*)' is greater than the maximum value allowed \('(?<expected>.*)'\)\.$/,
    expected: after('at most'),
  },
  {
    pattern: /^\[facet 'minExclusive'\] The value '(?<found>.*)' must be greater than '(?<expected>.*)'\.$/,
    expected: after('more than'),
  },
  {
    pattern: /^\[facet 'maxExclusive'\] The value '(?<found>.*)' must be less than '(?<expected>.*)'\.$/,
    expected: after('less than'),
  },
  {
    pattern:
      /^\[facet 'minLength'\] The value(?: '.*')? has a length of '(?<found>\d+)'; this underruns the allowed minimum length of '(?<expected>\d+)'\.$/,
    found: after('a length of'),
    expected: after('a length of at least'),
  },
  {
    pattern:
      /^\[facet 'maxLength'\] The value(?: '.*')? has a length of '(?<found>\d+)'; this exceeds the allowed maximum length of '(?<expected>\d+)'\.$/,
    found: after('a length of'),
    expected: after('a length of at most'),
  },
  {
    pattern:
      /^\[facet 'length'\] The value(?: '.*')? has a length of '(?<found>\d+)'; this differs from the allowed length of '(?<expected>\d+)'\.$/,
    found: after('a length of'),
    expected: after('a length of'),
  },
  {
    pattern:
      /^\[facet 'totalDigits'\] The value '(?<found>.*)' has more digits than are allowed \('(?<expected>\d+)'\)\.$/,
    expected: after('digits, at most'),
  },
  {
    pattern:
      /^\[facet 'fractionDigits'\] The value '(?<found>.*)' has more fractional digits than are allowed \('(?<expected>\d+)'\)\.$/,
    expected: after('fractional digits, at most'),
  },
  {
    pattern: /^'(?<found>.*)' is not a valid value of the (?:local )?(?:atomic|list|union) type '(?<expected>.*)'\.$/,
    expected: (type) => `a value of ${withoutUris(type)}`,
  },
  { pattern: /^'(?<found>.*)' is not a valid value of the local (?:atomic|list|union) type\.$/ },
  { pattern: /^The (?:actual )?value '(?<found>.*)' does not match the fixed value constraint '(?<expected>.*)'\.$/ },
  {
    pattern:
      /^(?:This element is not expected|Missing child element\(s\))\. Expected is (?:one of )?\((?<expected>.*)\)\.$/,
    expected: names,
  },
  { pattern: /^Type (?<expected>\S+) doesn't allow value '(?<found>.*)'$/, expected: after('a value of') },
  { pattern: /^Expecting (?:an )?element (?<expected>\S+), got (?<found>\S+)$/, expected: after('element') },
];

/** "Element '{uri}name', attribute '{uri}name': what is wrong." */
const SUBJECT = /^Element '([^']*)'(?:, attribute '([^']*)')?: (.*)$/;
const NAMED_ATTRIBUTE = /^(?:The attribute '([^']*)' is (?:required|not allowed)|Invalid attribute (\S+) for element)/;

export function readXmlMessage(text: string): XmlMessage {
  const whole = text.trim().replaceAll(/\s+/g, ' ');
  const [, element, subject, said = whole] = SUBJECT.exec(whole) ?? [];
  const [, named, invalid] = NAMED_ATTRIBUTE.exec(said) ?? [];
  const attribute = subject ?? named ?? invalid;
  const about = subject === undefined ? element : `attribute ${localName(subject)}`;
  const message = about === undefined ? said : `${subject === undefined ? localName(about) : about}: ${said}`;
  return {
    message: shorten(withoutUris(message), MESSAGE_CHARACTERS),
    ...(attribute === undefined ? {} : { attribute: localName(attribute) }),
    ...detailsOf(said),
  };
}

function detailsOf(said: string): { expected?: string; found?: string } {
  for (const { pattern, found: tellFound = asIs, expected: tellExpected = asIs } of SHAPES) {
    const groups = pattern.exec(said)?.groups;
    if (groups === undefined) continue;
    const { found, expected } = groups;
    return {
      ...(expected === undefined ? {} : { expected: shorten(tellExpected(expected), SHOWN_CHARACTERS) }),
      ...(found === undefined ? {} : { found: shorten(tellFound(found), SHOWN_CHARACTERS) }),
    };
  }
  return /^The attribute '[^']*' is required but missing\.$/.test(said)
    ? { expected: 'a value', found: 'nothing' }
    : {};
}

function asIs(text: string): string {
  return text;
}

function names(list: string): string {
  return withoutUris(list)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .join(' or ');
}

/** Names of elements and attributes are told as `{uri}name`. */
function withoutUris(text: string): string {
  return text.replaceAll(/\{[^{}\s']*[:/][^{}\s']*\}(?=[\p{L}_*])/gu, '');
}

function localName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('}'), name.lastIndexOf(':')) + 1);
}
