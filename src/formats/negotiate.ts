/**
 * Which of the offers the header prefers (RFC 9110 §12.5.1): the highest quality, where the most specific range that
 * fits an offer gives its quality; between equals the first offer. Undefined: none is acceptable. Offers are media types
 * without parameters.
 */
export function preferred(accept: string | undefined, offers: readonly string[]): string | undefined {
  if (accept === undefined || accept.trim() === '' || accept === '*/*') return offers[0];
  const ranges = accept.split(',').map(parseRange);
  let best: string | undefined;
  let bestQuality = 0;
  for (const offer of offers) {
    const [major = ''] = offer.split('/', 1);
    let quality = 0;
    let specificity = -1;
    for (const range of ranges) {
      const fits = range.type === offer ? 2 : range.type === `${major}/*` ? 1 : range.type === '*/*' ? 0 : -1;
      if (fits > specificity) {
        specificity = fits;
        quality = range.quality;
      }
    }
    if (quality > bestQuality) {
      best = offer;
      bestQuality = quality;
    }
  }
  return best;
}

export type Coding = 'identity' | 'gzip' | 'br';

/** The content coding to answer in (RFC 9110 §12.5.3): brotli, gzip or none. */
export function preferredCoding(acceptEncoding: string | undefined): Coding {
  if (acceptEncoding === undefined) return 'identity';
  const known = codings.get(acceptEncoding);
  if (known !== undefined) return known;
  const quality = new Map(
    acceptEncoding.split(',').map((part) => {
      const range = parseRange(part);
      return [range.type, range.quality] as const;
    }),
  );
  const of = (coding: string): number => quality.get(coding) ?? quality.get('*') ?? 0;
  const br = of('br');
  const gzip = Math.max(of('gzip'), quality.get('x-gzip') ?? 0);
  const identity = quality.get('identity') ?? 0;
  const chosen: Coding =
    br > 0 && br >= gzip && br >= identity ? 'br' : gzip > 0 && gzip >= identity ? 'gzip' : 'identity';
  if (codings.size < MOST_CODINGS) codings.set(acceptEncoding, chosen);
  return chosen;
}

/** Clients send few different headers; those of the first ones are remembered. */
const codings = new Map<string, Coding>();
const MOST_CODINGS = 200;

function parseRange(text: string): { type: string; quality: number } {
  const [type = '', ...parameters] = text.split(';');
  const weight = parameters
    .map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(parameter)?.[1])
    .find((value) => value !== undefined);
  const quality = weight === undefined ? 1 : Math.min(1, Number(weight));
  return { type: type.trim().toLowerCase(), quality: Number.isNaN(quality) ? 0 : quality };
}
