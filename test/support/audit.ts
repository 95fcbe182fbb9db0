import type { TestApp } from './app.js';
import { ask } from './log.js';
import { until } from './waiting.js';

/** The payload of an entry of system/audit, as docs/audit.md has it. */
export interface Told {
  readonly id: string;
  readonly title: string;
  readonly terms: readonly string[];
  readonly version: number;
  readonly at: string;
  readonly act: string;
  readonly outcome: string;
  readonly by: string;
  readonly address?: string;
  readonly target?: Record<string, unknown>;
  readonly changes?: Record<string, { from?: unknown; to?: unknown }>;
  readonly reason?: string;
  readonly count?: number;
  readonly first?: string;
  readonly last?: string;
  readonly requests?: readonly { method: string; path: string; count: number }[];
  readonly more?: number;
}

/** Resolves when all that was done has been published. */
export function auditPublished(url: string): Promise<void> {
  return until(
    'what was done is in the audit feed',
    async () => (await ask(url, 'select from audit_outbox')).length === 0,
  );
}

/** All that the audit feed tells, the oldest first, once what was done has been published. */
export async function readAudit(app: TestApp, query = ''): Promise<Told[]> {
  await auditPublished(app.database.url);
  const response = await app.request(`/feeds/system/audit?limit=1000${query}`, {
    headers: { accept: 'application/json' },
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${String(response.status)}: ${text}`);
  const { feed } = JSON.parse(text) as {
    feed: {
      entry?: { id: string; title: string; category: { term: string }[]; content: { '@text': Omit<Told, 'id'> } }[];
    };
  };
  return (feed.entry ?? [])
    .map(({ id, title, category, content }) => ({
      ...content['@text'],
      id,
      title,
      terms: category.map(({ term }) => term),
    }))
    .reverse();
}
