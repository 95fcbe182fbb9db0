import { CORE_ATTRIBUTES, SPEC_VERSION } from './cloud-event.js';
import type { AttributeValue } from './cloud-event.js';
import { isRfc3339 } from '../dates.js';
import { isJsonType } from '../media-types.js';
import { isUri, isUriReference } from './uri.js';
import { showCharacter } from '../xml/xml-chars.js';

/** What CloudEvents 1.0.2 has to say of context attributes. */

export const REQUIRED_ATTRIBUTES: readonly string[] = ['specversion', 'id', 'source', 'type'];

/** "Type System", String: control characters, lone surrogates and noncharacters are disallowed. */
const DISALLOWED = /[\p{Cc}\p{Cs}\p{NChar}]/u;
const ATTRIBUTE_NAME = /^[a-z0-9]+$/;
const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const LOWEST_INTEGER = -2_147_483_648;
const HIGHEST_INTEGER = 2_147_483_647;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"';
/** RFC 2045 §5.1; an empty parameter is let pass, as RFC 9110 §5.6.6 has it. */
const MEDIA_TYPE = new RegExp(
  `^${TOKEN}/${TOKEN}[ \\t]*(?:;[ \\t]*(?:${TOKEN}=(?:${TOKEN}|${QUOTED})[ \\t]*)?)*$`,
  's',
);
const SHOWN_CHARACTERS = 60;

/** May a string of CloudEvents hold this text? */
export function isEventString(text: string): boolean {
  return !DISALLOWED.test(text);
}

/** What is wrong with the name of an attribute; undefined when nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name === 'data') return 'an attribute cannot have the name "data" (CloudEvents, Naming Conventions)';
  if (ATTRIBUTE_NAME.test(name)) return undefined;
  return `${shown(name)} is no name of an attribute: lower-case letters a to z and digits were expected (CloudEvents, Naming Conventions)`;
}

/** What is wrong with the value of the attribute of this name; undefined when nothing is. */
export function valueProblem(name: string, { type, text }: AttributeValue): string | undefined {
  if (type === 'boolean') return CORE_ATTRIBUTES.includes(name) ? `a string was expected, not ${text}` : undefined;
  if (type === 'integer') {
    if (CORE_ATTRIBUTES.includes(name)) return `a string was expected, not ${shown(text)}`;
    const fits = INTEGER.test(text) && Number(text) >= LOWEST_INTEGER && Number(text) <= HIGHEST_INTEGER;
    return fits
      ? undefined
      : `${shown(text)} is no integer of 32 bits without fraction or exponent (CloudEvents, Type System); send it as a string`;
  }
  const [disallowed] = DISALLOWED.exec(text) ?? [];
  if (disallowed !== undefined) {
    return `${showCharacter(disallowed.codePointAt(0) ?? 0)} in it: no control character, noncharacter or lone surrogate may be (CloudEvents, Type System)`;
  }
  if (CORE_ATTRIBUTES.includes(name) && text === '') return 'it is empty';
  return coreProblem(name, text);
}

function coreProblem(name: string, text: string): string | undefined {
  switch (name) {
    case 'specversion':
      return text === SPEC_VERSION ? undefined : `${shown(text)} was sent; only "${SPEC_VERSION}" is read`;
    case 'source':
      return isUriReference(text)
        ? undefined
        : `${shown(text)} is no URI reference (RFC 3986 §4.1); other characters are percent-encoded`;
    case 'dataschema':
      return isUri(text) ? undefined : `${shown(text)} is no absolute URI (RFC 3986 §4.3)`;
    case 'datacontenttype':
      return MEDIA_TYPE.test(text) ? undefined : `${shown(text)} is no media type (RFC 2046)`;
    case 'time':
      return isRfc3339(atomDate(text))
        ? undefined
        : `${shown(text)} is no date and time of RFC 3339, such as 2024-03-11T15:00:09.482Z`;
    default:
      return undefined;
  }
}

/** RFC 3339 §5.6 lets T and Z be lower case, RFC 4287 §3.3 does not. */
export function atomDate(time: string): string {
  return time.toUpperCase();
}

/** JSON event format §3.1.1: does this datacontenttype declare JSON? Without one it is JSON. */
export function declaresJson(datacontenttype: string | undefined): boolean {
  return datacontenttype === undefined || isJsonType(datacontenttype);
}

function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS - 1)}…` : text);
}
