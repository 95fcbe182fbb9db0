import { readFileSync } from 'node:fs';
import type { Request, Router } from 'express';
import { knows } from '../../core/access.js';
import { isXmlKind } from '../../core/contract.js';
import { feedTitle } from '../../core/feed.js';
import { asyncApi, describedVersion } from '../../formats/asyncapi.js';
import type { DescribedFeed, DescribedVersion } from '../../formats/asyncapi.js';
import { JSON_TYPE } from '../../formats/media-types.js';
import { openApi } from '../../formats/openapi.js';
import { findContract } from '../../store/contracts.js';
import { listFeeds } from '../../store/feeds.js';
import { give, revalidate } from '../give.js';
import { anyone } from '../middleware/may.js';
import type { RenderedPage } from '../page-cache.js';
import { VARY } from '../respond.js';
import type { Services } from '../services.js';
import { bodyTag } from '../tags.js';
import { addOtherMethods } from './methods.js';

/** The package's own files, beside src as beside dist. */
const OPENAPI = new URL('../../../schemas/openapi.yaml', import.meta.url);
const PACKAGE = new URL('../../../package.json', import.meta.url);

/** Characters of JSON Schemas that stand in one document; others are linked to. */
const ROOM_FOR_SCHEMAS = 4 * 1024 * 1024;

/**
 * What this server offers, for machines: `GET /openapi.json` (OpenAPI 3.1, the API), `GET /asyncapi.json` (AsyncAPI 3.0, the
 * feeds that the caller may see). Errors: unauthorized (401), precondition-failed (412).
 */
export function addDescriptionRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const caller = anyone(services);
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
  let api: ReturnType<typeof jsonDocument> | undefined;

  router.get('/openapi.json', caller, async (req, res) => {
    // Made when it is asked for: that takes longer than all else at the start.
    api ??= jsonDocument(JSON.stringify(openApi(readFileSync(OPENAPI, 'utf8'), { url: urls.base, version })));
    await give(req, res, api, revalidate(req));
  });

  router.get('/asyncapi.json', caller, async (req, res) => {
    // The turn comes before the feeds: what waits holds nothing.
    const text = await services.turns.pages.run(() => asyncApi(visible(req), urls, version));
    await give(req, res, jsonDocument(text), revalidate(req));
  });

  for (const path of ['/openapi.json', '/asyncapi.json']) {
    addOtherMethods(router, path, caller, () => ['GET', 'HEAD', 'OPTIONS']);
  }

  /** What this caller may see. Contracts are read one by one, and only those that may have a place in the document. */
  async function* visible({ principal }: Request): AsyncGenerator<DescribedFeed> {
    let room = ROOM_FOR_SCHEMAS;
    for (const feed of await listFeeds(db)) {
      const { workspace, name, settings } = feed;
      if (!knows(principal, { workspace, feed: name, public: settings.public })) continue;
      const versions: DescribedVersion[] = [];
      for (const version of feed.contracts) {
        const isRead = !version.retired && !isXmlKind(version.kind) && room > 0;
        const contract = isRead ? await findContract(db, version.id) : undefined;
        const described = describedVersion(version, contract, room);
        // Once there is no room for one, no other is read only to be left out.
        if (contract !== undefined) room = described.documents === undefined ? 0 : room - described.characters;
        versions.push(described);
      }
      yield { workspace, name, title: feedTitle(feed), public: settings.public, versions };
    }
  }
}

function jsonDocument(text: string): Pick<RenderedPage, 'tag' | 'headers' | 'body' | 'coded'> {
  const body = Buffer.from(`${text}\n`);
  const tag = bodyTag(body);
  return { tag, headers: ['content-type', JSON_TYPE, 'vary', VARY], body, coded: {} };
}
