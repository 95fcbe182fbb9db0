import type { Request, Router } from 'express';
import {
  judgeContract,
  noSuchVersion,
  registerContract,
  reinstateContract,
  retireContract,
} from '../../actions/change-contract.js';
import { checkExistence } from '../../actions/existence.js';
import { COMPATIBILITIES, versionNumbered } from '../../core/contract.js';
import type { Compatibility, Contract, ContractVersion } from '../../core/contract.js';
import { FeedsError } from '../../core/errors.js';
import type { Feed } from '../../core/feed.js';
import { CONTRACT_TYPES, invalidContract, readContractBody } from '../../formats/contract-body.js';
import { writeContract } from '../../formats/contract-write.js';
import { readRetiredBody } from '../../formats/feed-settings.js';
import { readContract } from '../../store/contracts.js';
import { actor, existenceAsked, jsonBody, sendJson } from '../admin-json.js';
import { receiveBody } from '../body.js';
import { mayAdminister } from '../middleware/may.js';
import { namedFeed } from '../named-feed.js';
import { isDryRun, parameter } from '../parameters.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';
import { showVersion } from './schemas.js';

const CONTRACT_BYTES = 1024 * 1024;

/**
 * The versions of a feed's contract: `GET` and `POST /admin/feeds/{workspace}/{feed}/schemas`, `GET` and `PATCH` of one of
 * them. A contract is schemas/api/contract.json, or a schema alone. `?dry-run=true` checks it and its compatibility, that
 * of the feed or `&compatibility=` another, and adds nothing.
 * Errors: bad-parameter, not-well-formed (400), unauthorized (401), quota-exceeded (403), not-found (404), incompatible-contract, conflict (409),
 * too-large (413), unsupported-media-type (415), invalid-contract, invalid-body (422).
 */
export function addAdminSchemaRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const admin = mayAdminister(services);
  const list = '/admin/feeds/:workspace/:feed/schemas';
  const one = `${list}/:version`;

  router.get(list, admin, async (req, res) => {
    const { feed } = await namedFeed(services, req);
    sendJson(req, res, 200, { versions: feed.contracts.map((version) => showVersion(feed, version, urls)) });
  });

  router.post(list, admin, async (req, res) => {
    const { feed } = await namedFeed(services, req);
    const dryRun = isDryRun(req.url);
    const mode = compatibilityOf(req, dryRun);
    const contract = await receiveContract(req);
    if (dryRun) {
      const verdict = await judgeContract(services, feed, contract, mode);
      sendJson(req, res, 200, { compatible: verdict.breaks.length === 0, ...verdict });
      return;
    }
    const { version, known, verdict } = await registerContract(services, actor(req), feed, contract);
    const shown = showVersion({ ...feed, contracts: [...feed.contracts, version] }, version, urls);
    const body = { ...shown, compatibility: verdict };
    sendJson(req, res, known ? 200 : 201, body, known ? [] : ['location', adminUrl(feed, version)]);
  });

  router.get(one, admin, async (req, res) => {
    const { feed } = await namedFeed(services, req);
    const version = versionOf(req, feed);
    const contract = await readContract(db, version.id);
    sendJson(req, res, 200, {
      ...showVersion(feed, version, urls),
      ...(JSON.parse(writeContract(contract)) as object),
    });
  });

  router.patch(one, admin, async (req, res) => {
    const { feed } = await namedFeed(services, req);
    const { version: number } = versionOf(req, feed);
    checkExistence(existenceAsked(req), true, `version ${String(number)}`);
    const { retired } = readRetiredBody(await jsonBody(req, services));
    if (retired) await retireContract(services, actor(req), feed, number);
    else await reinstateContract(services, actor(req), feed, number);
    const { feed: changed } = await namedFeed(services, req);
    sendJson(req, res, 200, showVersion(changed, versionOf(req, changed), urls));
  });

  addOtherMethods(router, list, admin, () => ['GET', 'HEAD', 'POST', 'OPTIONS'], CONTRACT_TYPES);
  addOtherMethods(router, one, admin, () => ['GET', 'HEAD', 'PATCH', 'OPTIONS']);

  /** Reads a contract and compiles it. */
  async function receiveContract(req: Request): Promise<Contract> {
    const type = req.headers['content-type'];
    const body = await receiveBody(req, CONTRACT_BYTES, services.bodies);
    await req.recheck();
    const { contract, locate } = readContractBody(body, type);
    const mistakes = await services.checkers.compile(contract);
    if (mistakes.length > 0) throw invalidContract(mistakes, locate);
    return contract;
  }

  function adminUrl({ workspace, name }: Feed, { version }: ContractVersion): string {
    return `${urls.base}/admin/feeds/${workspace}/${name}/schemas/${String(version)}`;
  }
}

function versionOf(req: Request, feed: Feed): ContractVersion {
  const { version } = req.params as { version: string };
  const found = versionNumbered(feed.contracts, version);
  if (found === undefined) throw noSuchVersion(version);
  return found;
}

/** A dry run may ask by another mode than that of the feed. */
function compatibilityOf(req: Request, dryRun: boolean): Compatibility | undefined {
  const asked = parameter(req.url, 'compatibility');
  if (asked === undefined) return undefined;
  const mode = COMPATIBILITIES.find((one) => one === asked);
  if (mode === undefined) {
    throw new FeedsError(
      'bad-parameter',
      `compatibility is "${asked.slice(0, 40)}", expected ${COMPATIBILITIES.join(', ')}`,
    );
  }
  if (dryRun) return mode;
  throw new FeedsError('bad-parameter', 'compatibility is a setting of the feed; only a dry run may name another one');
}
