import type { Request, Response, Router } from 'express';
import { ANONYMOUS, knows } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import type { Feed } from '../../core/feed.js';
import type { ServiceWorkspace } from '../../formats/atom/atompub.js';
import { categoriesDocument, serviceDocument } from '../../formats/atom/atompub.js';
import { serviceHtml, welcomeHtml, workspaceHtml } from '../../formats/html/html-documents.js';
import type { Dialect } from '../../formats/json/json-mapping.js';
import { writeJsonDocument } from '../../formats/json/json-write.js';
import type { Arrays } from '../../formats/json/json-write.js';
import {
  ATOM,
  ATOM_CATEGORIES,
  ATOM_SERVICE,
  CLOUD_FEEDS,
  CLOUD_FEEDS_SERVICE,
  HTML,
  JSON_TYPE,
  isJsonType,
} from '../../formats/media-types.js';
import { offer } from '../../formats/negotiate.js';
import { listFeeds, listWorkspaces } from '../../store/feeds.js';
import { tenantTermsInUse } from '../../store/tenant-page.js';
import { termsInUse } from '../../store/terms.js';
import { give, revalidate } from '../give.js';
import { headersFor } from '../html-headers.js';
import { NEEDS_CREDENTIALS, anyone, may } from '../middleware/may.js';
import { chosen } from '../representation.js';
import { VARY } from '../respond.js';
import type { Services } from '../services.js';
import { bodyTag } from '../tags.js';
import { addOtherMethods } from './methods.js';

/** What asks for XML of any kind gets the document too. */
const ANY_XML = ['application/xml', 'text/xml', ATOM];
const SERVICE_OFFERS = [
  offer('atom', ATOM_SERVICE, ANY_XML),
  offer('cloudfeeds', CLOUD_FEEDS_SERVICE, [CLOUD_FEEDS]),
  offer('json', JSON_TYPE),
  offer('html', HTML),
];
const CATEGORIES_OFFERS = [
  offer('atom', ATOM_CATEGORIES, ANY_XML),
  offer('cloudfeeds', CLOUD_FEEDS),
  offer('json', JSON_TYPE),
];
/** A client has to say that it wants the document, in any of its forms. */
const WELCOME_OFFERS = [offer('text', 'text/plain'), ...SERVICE_OFFERS];
/** In JSON these are arrays, however many there are. */
const SERVICE_ARRAYS: Arrays = new Map([
  ['service', ['workspace']],
  ['workspace', ['collection']],
  ['collection', ['accept']],
]);
const CATEGORIES_ARRAYS: Arrays = new Map([['categories', ['category']]]);
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
    const format = chosen(req, WELCOME_OFFERS);
    if (format === 'text') await giveDocument(req, res, 'text/plain', welcome());
    else await giveService(req, res, format, await visible(req), welcomeHtml);
  });

  router.get('/feeds', caller, async (req, res) => {
    const format = chosen(req, SERVICE_OFFERS);
    await giveService(req, res, format, await visible(req), serviceHtml);
  });

  router.get('/feeds/:workspace', caller, async (req, res) => {
    const { workspace } = req.params as { workspace: string };
    const workspaces = await visible(req, workspace);
    if (workspaces.length === 0) {
      if (req.principal === ANONYMOUS) throw new FeedsError('unauthorized', NEEDS_CREDENTIALS);
      throw new FeedsError('not-found', `there is no workspace "${workspace.slice(0, 140)}"`, { hidden: true });
    }
    await giveService(req, res, chosen(req, SERVICE_OFFERS), workspaces, workspaceHtml);
  });

  router.get('/feeds/:workspace/:feed/categories', reader, async (req, res) => {
    const format = chosen(req, CATEGORIES_OFFERS);
    const document = categoriesDocument(await termsOf(req));
    if (format === 'atom') await giveDocument(req, res, ATOM_CATEGORIES, document);
    else await giveJson(req, res, format, document, CATEGORIES_ARRAYS, CLOUD_FEEDS);
  });

  for (const path of ['/', '/feeds', '/feeds/:workspace']) {
    addOtherMethods(router, path, caller, () => ['GET', 'HEAD', 'OPTIONS']);
  }
  addOtherMethods(router, '/feeds/:workspace/:feed/categories', reader, () => ['GET', 'HEAD', 'OPTIONS']);

  function termsOf({ known: { feed }, view }: Request): Promise<string[]> {
    if (view.kind === 'tenants') return tenantTermsInUse(db, feed, view.tenants, MOST_TERMS);
    return termsInUse(db, feed, { withPrivate: view.kind === 'whole' }, MOST_TERMS);
  }

  async function giveService(
    req: Request,
    res: Response,
    format: 'atom' | 'cloudfeeds' | 'json' | 'html',
    workspaces: readonly ServiceWorkspace[],
    writeHtml: typeof serviceHtml,
  ): Promise<void> {
    if (format === 'html') {
      await giveDocument(req, res, HTML, writeHtml(workspaces, urls));
      return;
    }
    const document = serviceDocument(workspaces, urls);
    if (format === 'atom') await giveDocument(req, res, ATOM_SERVICE, document);
    else await giveJson(req, res, format, document, SERVICE_ARRAYS, CLOUD_FEEDS_SERVICE);
  }

  /** What this caller may know of; a workspace is there by its feeds, unless one may do something in all of it. */
  async function visible(req: Request, name?: string): Promise<ServiceWorkspace[]> {
    const [workspaces, feeds] = await Promise.all([listWorkspaces(db, name), listFeeds(db, name)]);
    const { principal } = req;
    const shown = new Map(workspaces.map((workspace) => [workspace.name, { workspace, feeds: [] as Feed[] }]));
    for (const feed of feeds) {
      const { workspace, name: feedName, settings } = feed;
      if (!knows(principal, { workspace, feed: feedName, public: settings.public })) continue;
      shown.get(workspace)?.feeds.push(feed);
    }
    return [...shown.values()].filter(
      (one) => one.feeds.length > 0 || knows(principal, { workspace: one.workspace.name }),
    );
  }

  function welcome(): string {
    return `This is Millrace, a server of event feeds: Atom over HTTP.\nWhich feeds there are: ${urls.service()}\n`;
  }
}

function giveJson(
  req: Request,
  res: Response,
  dialect: Dialect,
  document: string,
  arrays: Arrays,
  cloudFeedsType: string,
): Promise<void> {
  const type = dialect === 'json' ? JSON_TYPE : cloudFeedsType;
  return giveDocument(req, res, type, writeJsonDocument(dialect, document, arrays));
}

async function giveDocument(req: Request, res: Response, type: string, text: string): Promise<void> {
  const body = Buffer.from(text);
  const tag = bodyTag(body);
  const charset = isJsonType(type) ? '' : ';charset=utf-8';
  const headers = ['content-type', type + charset, 'vary', VARY, ...headersFor(type)];
  await give(req, res, { tag, headers, body, coded: {} }, revalidate(req));
}
