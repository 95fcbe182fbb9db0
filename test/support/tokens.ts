import type { TestApp } from './app.js';

export interface IssuedToken {
  readonly id: string;
  readonly token: string;
  readonly url: string;
}

/** Makes a token that may do this, as the admin. */
export async function issue(
  app: TestApp,
  grants: readonly Record<string, unknown>[],
  more: Record<string, unknown> = {},
): Promise<IssuedToken> {
  const response = await app.request('/admin/tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'test', grants, ...more }),
  });
  if (response.status !== 201) throw new Error(`${String(response.status)}: ${await response.text()}`);
  return (await response.json()) as IssuedToken;
}

export function bearing({ token }: { readonly token: string }): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
