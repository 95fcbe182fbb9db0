import { expect } from 'chai';
import { legible } from '../../../src/core/audit.js';
import type { AuditRecord } from '../../../src/core/audit.js';
import { atomKey } from '../../../src/core/entry.js';
import { NO_LIMITS } from '../../../src/core/feed.js';
import { auditEntry } from '../../../src/formats/audit-entry.js';
import { readEntry } from '../../../src/formats/atom/atom-read.js';

const ID = '0f0e0d0c-0b0a-4909-8807-060504030201';
const AT = '2026-11-22T13:27:10.078537Z';
const HOSTILE = `"]]></title>&\u0000\ud800\uffff${'é'.repeat(1_000)}`;

const RECORDS: Readonly<Record<string, AuditRecord>> = {
  'of an act': { act: 'feed.changed', outcome: 'allowed', by: 'admin', target: { feed: 'orders', workspace: 'shop' } },
  'of the server itself': { act: 'epoch.began', outcome: 'allowed', by: 'server', target: { partition: 0 } },
  'of a refusal': {
    act: 'access.refused',
    outcome: 'refused',
    by: 'anonymous',
    address: '2001:db8:0:100::/56',
    reason: 'no-credentials',
    count: 2,
    first: AT,
    last: AT,
    requests: [{ method: 'GET', path: '/feeds/shop/orders', count: 2 }],
    more: 0,
  },
  'with what a stranger chose': legible<AuditRecord>({
    act: 'access.refused',
    outcome: 'refused',
    by: HOSTILE,
    address: HOSTILE,
    reason: 'unknown',
    count: 1,
    first: AT,
    last: AT,
    requests: [{ method: HOSTILE, path: `/feeds/shop/${HOSTILE}`, count: 1 }],
    more: 0,
  }),
};

describe('an entry of the audit feed', () => {
  for (const [what, record] of Object.entries(RECORDS)) {
    it(`${what} is a valid entry that says the record`, async () => {
      const entry = auditEntry({ id: ID, recordedAt: AT, record });
      const draft = await readEntry(Buffer.from(entry.xml), 'utf-8', { limits: NO_LIMITS });
      expect(draft.atomId).to.equal(`urn:uuid:${ID}`);
      expect(entry.atomKey).to.deep.equal(atomKey(`urn:uuid:${ID}`));
      expect(draft.terms.map((term) => term.toLowerCase())).to.have.members(entry.terms);
      expect(draft.content.form).to.equal('json-in-base64');
      const told: unknown = JSON.parse(Buffer.from(draft.content.text, 'base64').toString());
      expect(told).to.deep.equal({ version: 1, at: AT, ...record });
      expect(entry.octets).to.equal(Buffer.byteLength(entry.xml)).and.to.be.below(8_000);
    });
  }

  it('has a digest by which it is known again, however another version of the server writes it', () => {
    const [one, other] = Object.values(RECORDS);
    const digestOf = (record: AuditRecord): string =>
      auditEntry({ id: ID, recordedAt: AT, record }).digest.toString('hex');
    expect(digestOf(one!)).to.equal(digestOf(other!));
  });
});
