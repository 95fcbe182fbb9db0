import type { Router } from 'express';
import type { ExportEnd } from '../../core/export.js';
import { EXPORT_FORMATS } from '../../formats/export/export-formats.js';
import { FORMATS } from '../../formats/media-types.js';
import { offer } from '../../formats/negotiate.js';
import { pulledDocument } from '../export-document.js';
import { lostField, sendRows } from '../export-rows.js';
import { startExport } from '../export-start.js';
import { readExportRequest } from '../export-request.js';
import { mayExportSome } from '../middleware/may.js';
import { chosen } from '../representation.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

const OFFERS = [
  offer('ndjson', EXPORT_FORMATS.ndjson.type, ['application/ndjson', 'application/jsonl']),
  offer('csv', 'text/csv', []),
  offer('atom', EXPORT_FORMATS.atom.type, FORMATS.atom.aliases),
  offer('parquet', EXPORT_FORMATS.parquet.type, []),
];
const TRAILERS =
  'Millrace-Export-After, Millrace-Export-Complete, Millrace-Export-Until, Millrace-Export-Rows, Millrace-Export-Lost';

/**
 * The entries of many feeds in the order of the clock: `GET /export?feeds=servers/*,billing/events&after={token}&format=ndjson|csv|atom|parquet
 * &limit={rows}&from=&to=&columns=`, as a stream whose end tells the token to go on from (docs/export.md).
 * Errors: bad-parameter (400), bad-marker (400: no token, or one of other feeds), unauthorized (401), forbidden (403), not-found (404: a
 * feed that is named), not-acceptable (406), marker-beyond-log (409: the log was put back; `lastCommon` is the token to go on from).
 */
export function addExportRoutes(router: Router, services: Services): void {
  const exporter = mayExportSome(services);

  router.get('/export', exporter, async (req, res) => {
    const format = chosen(req, OFFERS);
    const request = readExportRequest(req, format);
    const { endOf, updated, ...chosenRows } = await startExport(services, req.principal, request);
    const document = pulledDocument(services.urls, request, updated);
    const job = { ...chosenRows, format, document };
    await sendRows(services, req, res, { job, endOf, trailers: { names: TRAILERS, fieldsOf: trailersOf } });
  });
  addOtherMethods(router, '/export', exporter, () => ['GET', 'HEAD', 'OPTIONS']);
}

function trailersOf({ after, complete, until, rows, lost }: ExportEnd): Record<string, string> {
  return {
    'Millrace-Export-After': after,
    'Millrace-Export-Complete': String(complete),
    ...(until === undefined ? {} : { 'Millrace-Export-Until': until }),
    'Millrace-Export-Rows': String(rows),
    'Millrace-Export-Lost': lostField(lost),
  };
}
