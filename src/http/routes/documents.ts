import { createHash } from 'node:crypto';
import type { Request, Response, Router } from 'express';
import { FeedsError } from '../../core/errors.js';
import type { Feed } from '../../core/feed.js';
import type { ServiceWorkspace } from '../../formats/atompub.js';
import { categoriesDocument, serviceDocument } from '../../formats/atompub.js';
import { ATOM_CATEGORIES, ATOM_SERVICE } from '../../formats/media-types.js';
import { preferred } from '../../formats/negotiate.js';
import { listFeeds, listWorkspaces } from '../../store/feeds.js';
import { termsInUse } from '../../store/terms.js';
import { give, revalidate } from '../give.js';
import { anyone, may } from '../middleware/may.js';
import { VARY } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

const TEXT = 'text/plain';
const MOST_TERMS = 1_000;

/**
 * The documents of RFC 5023: the service document (`GET /feeds`, and `GET /` to an Accept that asks for it), that of one
 * workspace (`GET /feeds/{workspace}`), and the categories in use in a feed (`GET /feeds/{workspace}/{feed}/categories`).
 * Without a token a caller sees what is public, and nothing tells of the rest. Errors: unauthorized (401), not-found
 * (404), not-acceptable (406).
 */
export function addDocumentRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const caller = anyone(services);
  const reader = may('read', services);

  router.get('/', caller, async (req, res) => {
    // This is what a person gets who asks for whatever there is; a client has to say that it wants the document.
    const type = accepted(req, [TEXT, ATOM_SERVICE]);
    if (type === ATOM_SERVICE) await giveDocument(req, res, ATOM_SERVICE, serviceDocument(await visible(req), urls));
    else await giveDocument(req, res, TEXT, welcome());
  });

  router.get('/feeds', caller, async (req, res) => {
    accepted(req, offersOf(ATOM_SERVICE));
    await giveDocument(req, res, ATOM_SERVICE, serviceDocument(await visible(req), urls));
  });

  router.get('/feeds/:workspace', caller, async (req, res) => {
    const { workspace } = req.params as { workspace: string };
    const workspaces = await visible(req, workspace);
    if (workspaces.length === 0) {
      if (req.principal === 'anonymous')
        throw new FeedsError('unauthorized', 'a token is needed here: Authorization: Bearer …');
      throw new FeedsError('not-found', `there is no workspace "${workspace.slice(0, 140)}"`);
    }
    accepted(req, offersOf(ATOM_SERVICE));
    await giveDocument(req, res, ATOM_SERVICE, serviceDocument(workspaces, urls));
  });

  router.get('/feeds/:workspace/:feed/categories', reader, async (req, res) => {
    accepted(req, offersOf(ATOM_CATEGORIES));
    const terms = await termsInUse(db, req.known.feed, MOST_TERMS);
    await giveDocument(req, res, ATOM_CATEGORIES, categoriesDocument(terms));
  });

  for (const path of ['/', '/feeds', '/feeds/:workspace']) {
    addOtherMethods(router, path, caller, () => ['GET', 'HEAD', 'OPTIONS']);
  }
  addOtherMethods(router, '/feeds/:workspace/:feed/categories', reader, () => ['GET', 'HEAD', 'OPTIONS']);

  /** What this caller may see; without a token a workspace is there by its public feeds only. */
  async function visible(req: Request, name?: string): Promise<ServiceWorkspace[]> {
    const [workspaces, feeds] = await Promise.all([listWorkspaces(db, name), listFeeds(db, name)]);
    const anonymous = req.principal === 'anonymous';
    const shown = new Map(workspaces.map((workspace) => [workspace.name, { workspace, feeds: [] as Feed[] }]));
    for (const feed of feeds) if (!anonymous || feed.settings.public) shown.get(feed.workspace)?.feeds.push(feed);
    return [...shown.values()].filter((one) => !anonymous || one.feeds.length > 0);
  }

  function welcome(): string {
    return `This is Millrace, a server of event feeds: Atom over HTTP.\nWhich feeds there are: ${urls.service()}\n`;
  }
}

/** The document's own type, and what asks for XML of any kind. */
function offersOf(type: string): string[] {
  return [type, 'application/xml', 'text/xml', 'application/atom+xml'];
}

function accepted(req: Request, offers: readonly string[]): string {
  const type = preferred(req.headers.accept, offers);
  if (type === undefined) {
    const [own = ''] = offers;
    throw new FeedsError('not-acceptable', `this can be had as ${own}; the Accept header takes none of it`, {
      extensions: { available: offers },
    });
  }
  return type;
}

async function giveDocument(req: Request, res: Response, type: string, text: string): Promise<void> {
  const body = Buffer.from(text);
  const tag = createHash('sha256').update(body).digest('hex').slice(0, 32);
  const headers = ['content-type', `${type};charset=utf-8`, 'vary', VARY];
  await give(req, res, { tag, headers, body, coded: {} }, revalidate(req));
}
