import type { Request, Response, Router } from 'express';
import { LRUCache } from 'lru-cache';
import { activeVersion, isXmlKind, versionNumbered } from '../../core/contract.js';
import type { Contract, ContractVersion } from '../../core/contract.js';
import { FeedsError } from '../../core/errors.js';
import type { Feed } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import { CONTRACT, FORMATS, JSON_TYPE, SCHEMA_JSON } from '../../formats/media-types.js';
import { offer } from '../../formats/negotiate.js';
import { writeContract } from '../../formats/contract-write.js';
import { exampleEntry } from '../../formats/contract-example.js';
import { writeEntry } from '../../formats/render.js';
import { noSuchVersion } from '../../actions/change-contract.js';
import { readContract } from '../../store/contracts.js';
import { give, revalidate } from '../give.js';
import { cacheScope, may } from '../middleware/may.js';
import { answerFormat, chosen } from '../representation.js';
import { VARY } from '../respond.js';
import type { Services } from '../services.js';
import { bodyTag } from '../tags.js';
import { addOtherMethods } from './methods.js';

/** A version in the list of them. */
export interface ShownVersion {
  readonly version: number;
  readonly kind: string;
  readonly state: 'active' | 'accepted' | 'retired';
  readonly createdAt: string;
  readonly url: string;
}

export function showVersion(feed: Feed, version: ContractVersion, urls: Urls): ShownVersion {
  const { version: number, kind, retired, createdAt } = version;
  const active = activeVersion(feed.contracts)?.version === number;
  const state = retired ? 'retired' : active ? 'active' : 'accepted';
  return { version: number, kind, state, createdAt, url: urls.schema(feed, number) };
}

const JSON_OFFERS = [offer('schema', SCHEMA_JSON, [JSON_TYPE]), offer('contract', CONTRACT)];
const XML_OFFERS = [offer('schema', 'application/xml', ['text/xml']), offer('contract', CONTRACT, [JSON_TYPE])];
/** That are kept, of all feeds. */
const MOST_EXAMPLES = 200;
/** A version never changes, and its number is never used again. */
const FOR_EVER = 'max-age=31536000, immutable';

/**
 * The published contract, for whoever may read the feed or publish to it: `GET …/schemas` (its versions), `…/schemas/{version}` (the schema
 * itself, or with `format=contract` all that belongs to it), `…/schemas/{version}/imports/{name}` and
 * `…/schemas/{version}/example` (an entry). Errors: unauthorized (401), not-found (404), not-acceptable (406).
 */
export function addSchemaRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const reader = may('describe', services);
  const list = '/feeds/:workspace/:feed/schemas';
  const one = `${list}/:version`;
  const examples = new LRUCache<number, Promise<string | undefined>>({ max: MOST_EXAMPLES });

  router.get(list, reader, async (req, res) => {
    const { feed } = req.known;
    const versions = feed.contracts.map((version) => showVersion(feed, version, urls));
    await giveText(req, res, JSON_TYPE, `${JSON.stringify({ versions }, undefined, 2)}\n`, revalidate(req));
  });

  router.get(one, reader, async (req, res) => {
    const { contract } = await contractOf(req);
    const form = chosen(req, isXmlKind(contract.kind) ? XML_OFFERS : JSON_OFFERS);
    if (form === 'contract') await giveText(req, res, CONTRACT, writeContract(contract), forEver(req));
    else await giveText(req, res, schemaType(contract), contract.schema, forEver(req));
  });

  router.get(`${one}/imports/:name`, reader, async (req, res) => {
    const { contract } = await contractOf(req);
    const { name } = req.params as { name: string };
    const text = Object.hasOwn(contract.imports, name) ? contract.imports[name] : undefined;
    if (text === undefined) throw new FeedsError('not-found', `this version has no document "${name.slice(0, 200)}"`);
    await giveText(req, res, schemaType(contract), text, forEver(req));
  });

  router.get(`${one}/example`, reader, async (req, res) => {
    const { feed } = req.known;
    const { version, contract } = await contractOf(req);
    const format = answerFormat(req, 'entry', 'atom');
    const content = contract.example ?? (await madeExample(version.id, contract));
    if (content === undefined) {
      throw new FeedsError('not-found', 'no example was given with this version, and none could be made');
    }
    const text = await services.turns.pages.run(async () =>
      writeEntry(format, await exampleEntry(feed, version, contract, content), feed, urls),
    );
    await giveText(req, res, FORMATS[format].entry ?? '', text, revalidate(req));
  });

  for (const path of [list, one, `${one}/imports/:name`, `${one}/example`]) {
    addOtherMethods(router, path, reader, () => ['GET', 'HEAD', 'OPTIONS']);
  }

  /** Made once, as it takes a thread some time. */
  function madeExample(id: number, contract: Contract): Promise<string | undefined> {
    const known = examples.get(id);
    if (known !== undefined) return known;
    const made = services.checkers.example(contract);
    examples.set(id, made);
    made.catch(() => examples.delete(id));
    return made;
  }

  async function contractOf(req: Request): Promise<{ readonly version: ContractVersion; readonly contract: Contract }> {
    const { version } = req.params as { version: string };
    const found = versionNumbered(req.known.feed.contracts, version);
    if (found === undefined) throw noSuchVersion(version);
    return { version: found, contract: await readContract(db, found.id) };
  }
}

function schemaType({ kind }: Pick<Contract, 'kind'>): string {
  return isXmlKind(kind) ? 'application/xml;charset=utf-8' : SCHEMA_JSON;
}

function forEver(req: Request): string {
  return `${cacheScope(req)}, ${FOR_EVER}`;
}

async function giveText(req: Request, res: Response, type: string, text: string, cache: string): Promise<void> {
  const body = Buffer.from(text);
  const headers = ['content-type', type, 'vary', VARY];
  await give(req, res, { tag: bodyTag(body), headers, body, coded: {} }, cache);
}
