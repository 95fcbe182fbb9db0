import { withoutTokens } from './token.js';

/** A text with nothing in it that lets its reader in. */
export type WithoutSecrets = (text: string) => string;

const HIDDEN = '…';

/** In most texts there is nothing that would have to be looked at closer. */
const SUSPECT = /mr[at]_|eyJ|token|secret|passw|pwd|key|auth|credential|jwt|session|sig/i;
/** Admin tokens that we made (actions/make-admin-token.ts). */
const ADMIN_TOKEN = /mra_[A-Za-z0-9_-]{32}/g;
/** RFC 7519 §3: three parts of Base64url, of which the first begins with `{"`. */
const JWT = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g;
const PARAMETER = /([?&][^=&#?]*=)[^&#]*/g;
/** RFC 6750 §2.3 and what else people put there, though nothing of it is taken: a parameter whose name says what is in it. */
const NAMED_SECRET = /token|secret|passw|pwd|key|auth|credential|jwt|session|sig/i;

/**
 * For what is logged and told of what was sent, in a time that its length bounds, whatever it is: hides tokens of ours by their form, other secrets by where they stand, and `known` ones
 * everywhere.
 */
export function secretsHider(known: readonly string[]): WithoutSecrets {
  const forms = [...new Set(known.flatMap((secret) => [secret, encodeURIComponent(secret)]))];
  return (text) => {
    let shown = text;
    for (const form of forms) if (shown.includes(form)) shown = shown.replaceAll(form, HIDDEN);
    if (!SUSPECT.test(shown)) return shown;
    return withoutTokens(shown)
      .replaceAll(ADMIN_TOKEN, HIDDEN)
      .replaceAll(JWT, HIDDEN)
      .replaceAll(PARAMETER, (whole, name: string) => (NAMED_SECRET.test(name) ? name + HIDDEN : whole));
  };
}
