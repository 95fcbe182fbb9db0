import { Builder } from 'xml2js';
import { problemHtml } from './html/html-problem.js';
import { CLOUD_FEEDS, HTML, PROBLEM_JSON, PROBLEM_XML } from './media-types.js';
import type { Problem, ProblemFormat } from './problem.js';

/** The Content-Type of each. */
export const PROBLEM_TYPES: Readonly<Record<ProblemFormat, string>> = {
  json: PROBLEM_JSON,
  xml: PROBLEM_XML,
  cloudfeeds: CLOUD_FEEDS,
  html: `${HTML};charset=utf-8`,
};

/** `home` is where the feeds are listed, for who lost the way. */
export function writeProblem(format: ProblemFormat, problem: Problem, home: string): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(problem)}\n`;
    case 'xml':
      return problemXml(problem);
    case 'cloudfeeds':
      return `${JSON.stringify(cloudFeedsError(problem))}\n`;
    case 'html':
      return problemHtml(problem, home);
  }
}

/**
 * As Cloud Feeds' clients know it: what its engine wrote as an error element of this namespace, with a code and a message
 * that are strings. The rest of the problem stands beside them.
 */
function cloudFeedsError({ status, ...problem }: Problem): object {
  return {
    error: { '@type': 'http://abdera.apache.org', code: String(status), message: problem.detail, ...problem },
  };
}

const builder = new Builder({
  rootName: 'problem',
  xmldec: { version: '1.0', encoding: 'UTF-8' },
  renderOpts: { pretty: false },
});

/** RFC 9457 appendix B. */
function problemXml(problem: Problem): string {
  return `${builder.buildObject({ $: { xmlns: 'urn:ietf:rfc:7807' }, ...members(problem) })}\n`;
}

function members(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, forXml(member)]));
}

/** The items of an array are `i` elements. */
function forXml(value: unknown): unknown {
  if (Array.isArray(value)) return { i: value.map(forXml) };
  if (typeof value === 'object' && value !== null) return members(value);
  return legalText(String(value));
}

/** A message may quote what was sent; what XML cannot carry is shown as a question mark. */
function legalText(text: string): string {
  return text.toWellFormed().replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '?');
}
