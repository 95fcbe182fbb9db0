import { expect } from 'chai';
import { makeSeals } from '../../../src/core/seal.js';
import { tenantsView } from '../../../src/core/view.js';
import { pageFor } from '../../../src/http/page-reading.js';
import { readPageRequest } from '../../../src/http/page-request.js';
import type { Services } from '../../../src/http/services.js';
import { aDocument } from '../../support/page-document.js';

describe('a page of a view of tenants', () => {
  it('whose start was looked up before an entry came is not kept as one that has it', async () => {
    const epoch = '01234567-0000-4000-8000-000000000000';
    // The log as the first look finds it ends at 1; by the second an entry has come that the page should have.
    const answers: Readonly<Record<string, unknown[][]>> = {
      'position-until': [[1n]],
      'tenant-backward': [[2n, 1n, epoch, 2n, '2026-01-01T00:00:00Z', 1n, ['1']]],
      'tenant-rows-backward': [],
    };
    const db = { query: ({ name }: { name: string }) => Promise.resolve({ rows: answers[name] ?? [] }) };
    const services = { db, seals: makeSeals(Buffer.alloc(32, 7)) } as unknown as Services;
    const seen = { feed: aDocument().feed, view: tenantsView(['A']) };
    const log = { head: 1n, firstKept: 1n, epochs: { current: '01234567', past: [] } };
    const named = async (query: string): Promise<bigint> =>
      (await pageFor(services, seen, log, readPageRequest(query))).namedAfter;
    expect(await named('startingAt=2100-01-01T00:00:00Z&direction=backward')).to.equal(1n);
    expect(await named('')).to.equal(2n);
  });
});
