import { OTHERS } from '../core/refusals.js';
import type { RefusalReason } from '../core/refusals.js';
import type { ActName, ActTarget, AuditRecord } from '../core/audit.js';
import type { NewEntry } from '../core/batch.js';
import { atomKey, digest } from '../core/entry.js';
import type { Instant } from '../core/entry.js';
import { indexTerms, normaliseTerm } from '../core/search.js';
import { ATOM_NAMESPACE } from './atom/atom-rules.js';
import { JSON_TYPE } from './media-types.js';
import { writeJsonPayload } from './json/json-payload.js';
import { escapeAttribute, escapeText } from './xml/xml.js';

/** Schema of the records: docs/audit.md. What is added to it is optional to its readers; what changes gets another version. */
const VERSION = 1;

/** A record as an entry of the audit feed: a title to read, categories to search by, and the record as JSON. */
export function auditEntry({
  id,
  recordedAt,
  record,
}: {
  readonly id: string;
  readonly recordedAt: Instant;
  readonly record: AuditRecord;
}): NewEntry {
  const atomId = `urn:uuid:${id}`;
  const title = titleOf(record);
  const terms = termsOf(record);
  const content = writeJsonPayload(JSON.stringify({ version: VERSION, at: recordedAt, ...record }), false);
  const xml = [
    `<entry xmlns="${ATOM_NAMESPACE}">`,
    `<id>${atomId}</id>`,
    `<title>${escapeText(title)}</title>`,
    `<updated>${recordedAt}</updated>`,
    `<published>${recordedAt}</published>`,
    '<author><name>Millrace</name></author>',
    ...terms.map((term) => `<category term="${escapeAttribute(term)}"/>`),
    // RFC 4287 §4.1.2: content in Base64 needs one.
    `<summary>${escapeText(title)}</summary>`,
    `<content type="${JSON_TYPE}">${content}</content>`,
    '</entry>',
  ].join('');
  const normalised = [...new Set(terms.map(normaliseTerm))];
  return {
    atomId,
    atomKey: atomKey(atomId),
    // A record that is published again is the same, even where another version of the server writes it differently.
    digest: digest(atomId),
    xml,
    octets: Buffer.byteLength(xml),
    terms: normalised,
    indexTerms: indexTerms(normalised),
  };
}

const DONE: Readonly<Record<ActName, string>> = {
  'workspace.created': 'made the workspace',
  'workspace.changed': 'changed the workspace',
  'workspace.deleted': 'deleted the workspace',
  'feed.created': 'made the feed',
  'feed.changed': 'changed the feed',
  'feed.deleted': 'deleted the feed',
  'feed.restored': 'restored the feed',
  'feed.purged': 'purged the feed',
  'contract.registered': 'registered the contract of',
  'contract.retired': 'retired the contract of',
  'contract.reinstated': 'took back that the contract was retired of',
  'token.created': 'made the token',
  'token.revoked': 'revoked the token',
  'user.created': 'made the user',
  'user.changed': 'changed the user',
  'user.deleted': 'deleted the user',
  'grants.changed': 'changed the grants of',
  'grants.deleted': 'took back the grants of',
  'export.created': 'made the export',
  'export.changed': 'changed the export',
  'export.deleted': 'deleted the export',
  'export.reset': 'put back the export',
  'export.replayed': 'had dead letters stored again of the export',
  'export.letters-deleted': 'deleted dead letters of the export',
  'admin-token.created': 'made the admin token',
  'epoch.began': 'began a new epoch of the log, which has gone back or moved,',
};

const REFUSED: Readonly<Record<RefusalReason, string>> = {
  'no-credentials': 'showed no credentials',
  'wrong-credentials': 'showed wrong credentials',
  forbidden: 'may not do this',
  unknown: 'may not know of it',
};

/** One line, for a person. */
function titleOf(record: AuditRecord): string {
  if (record.outcome === 'allowed') return `${record.by} ${DONE[record.act]} ${nameOf(record.target)}`.trimEnd();
  const { by, address, count, reason } = record;
  const who = by === 'anonymous' ? `${by} (${address})` : by;
  return `${who} was refused ${count === 1 ? 'once' : `${String(count)} times`}: ${REFUSED[reason]}`;
}

function nameOf(target: ActTarget): string {
  const { token, user, principal, version, feed, workspace = '', partition } = target;
  if (token !== undefined) return token;
  if (user !== undefined) return user;
  if (target.export !== undefined) return target.export;
  if (principal !== undefined) return `${principal} in ${workspace}`;
  if (version !== undefined) return `${workspace}/${feed ?? ''}, version ${String(version)}`;
  if (feed !== undefined) return `${workspace}/${feed}`;
  return partition === undefined ? workspace : `in partition ${String(partition)}`;
}

/** What can be searched for. */
function termsOf(record: AuditRecord): string[] {
  const terms = [`act:${record.act}`, `outcome:${record.outcome}`, `by:${record.by}`];
  if (record.outcome === 'refused') {
    terms.push(`reason:${record.reason}`);
    for (const { path } of record.requests) terms.push(...placeOf(path));
  } else {
    const { token, user, export: name, principal, feed, workspace } = record.target;
    if (token !== undefined) terms.push(`token:${token}`);
    if (user !== undefined) terms.push(`user:${user}`);
    if (name !== undefined) terms.push(`export:${name}`);
    if (principal !== undefined) terms.push(`principal:${principal}`);
    terms.push(...placeTerms(workspace, feed));
  }
  if (record.address !== undefined && record.address !== OTHERS) terms.push(`address:${record.address}`);
  return [...new Set(terms)];
}

/** The workspace and the feed that a path is about; a stranger's names stand there as they were sent. */
function placeOf(path: string): string[] {
  const [, workspace, feed] =
    /^(?:\/admin\/workspaces|(?:\/admin)?\/feeds)\/([\w.~-]+)(?:\/([\w.~-]+))?/.exec(path) ?? [];
  return placeTerms(workspace, feed);
}

function placeTerms(workspace: string | undefined, feed: string | undefined): string[] {
  if (workspace === undefined) return [];
  return [`workspace:${workspace}`, ...(feed === undefined ? [] : [`feed:${workspace}/${feed}`])];
}
