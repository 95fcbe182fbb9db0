import { FeedsError } from '../core/errors.js';

/** The part of the request's URL behind `?`, or the empty string. */
export function queryOf(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

/** `?dry-run=true`: everything is checked and nothing is written. */
export function isDryRun(url: string): boolean {
  return url.includes('dry-run') && flag(url, 'dry-run');
}

/** A parameter that is true or false, the latter when it is absent or empty. */
export function flag(url: string, name: string): boolean {
  const asked = parameter(url, name);
  if (asked === undefined || asked === 'false') return false;
  if (asked === 'true') return true;
  throw new FeedsError('bad-parameter', `${name} is "${asked.slice(0, 40)}", expected true or false`);
}

/** The first value of a parameter in a URL that is not empty. */
export function parameter(url: string, name: string): string | undefined {
  const query = queryOf(url);
  if (query === '') return undefined;
  return new URLSearchParams(query).getAll(name).find((value) => value !== '');
}

/** The value of one that is there at most once; an empty one is an absent one. Throws `bad-parameter`. */
export function single(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name).filter((value) => value !== '');
  if (values.length > 1)
    throw new FeedsError('bad-parameter', `"${name}" is given ${String(values.length)} times; give it once`);
  return values[0];
}
