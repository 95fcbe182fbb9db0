import type { Request, Response, Router } from 'express';
import { acknowledgeBatch } from '../../actions/acknowledge-batch.js';
import { planBatch } from '../../actions/plan-batch.js';
import { FeedsError } from '../../core/errors.js';
import { EXPORTED_PARTITION } from '../../core/export.js';
import { batchId } from '../../core/named-export.js';
import type { BatchEnd, NamedExport } from '../../core/named-export.js';
import { readNamedBatch } from '../../export/named-batch.js';
import type { NamedBatch } from '../../export/named-batch.js';
import type { RowJob } from '../../export/row-stream.js';
import { readReceiptBody } from '../../formats/export-bodies.js';
import { rowColumns } from '../../formats/export/row-columns.js';
import { JSON_TYPE } from '../../formats/media-types.js';
import { readLag } from '../../store/export-lag.js';
import { findExport } from '../../store/named-exports.js';
import { jsonBody, sendJson } from '../admin-json.js';
import { mayExportSome, mayPull } from '../middleware/may.js';
import { queryOf } from '../parameters.js';
import type { Services } from '../services.js';
import { batchDocument } from '../export-document.js';
import { lostField, sendRows } from '../export-rows.js';
import { addOtherMethods } from './methods.js';

/** The last line of a batch tells what each of its feeds has lost. */
const ACK_BYTES = 4 * 1024 * 1024;
const TRAILERS = 'Millrace-Export-Receipt, Millrace-Export-Until, Millrace-Export-Rows, Millrace-Export-Lost';

/**
 * What admins export under a name, batch by batch: `GET /export/{name}` gives the next batch, and the same until `POST
 * /export/{name}/ack` acknowledges it (schemas/api/export-receipt.json; docs/export.md). For those who may export all that it names.
 * Errors: bad-parameter, bad-marker (400: a receipt that was never given out), unauthorized (401), forbidden (403), not-found (404),
 * marker-beyond-log (409: the log was put back), conflict (409: a receipt of another batch), too-large (413), unsupported-media-type (415),
 * invalid-body (422).
 */
export function addNamedExportRoutes(router: Router, services: Services): void {
  const { db } = services;
  const exporter = mayExportSome(services);
  const one = '/export/:name';
  const ack = `${one}/ack`;

  router.get(one, exporter, async (req, res) => {
    refuseParameters(req);
    const { export: found, until } = await planBatch(services, nameOf(req), pulledBy(req));
    const { pending } = found;
    if (pending === undefined) {
      const end = { batch: null, receipt: null, until, rows: 0, lost: [] };
      const document = batchDocument(services.urls, found, until);
      return sendBatch(services, req, res, { ...chosenBy(found), document, ...nothing(found), endOf: () => end });
    }
    res.set('Millrace-Export-Batch', batchId(found, pending));
    const batch = await readNamedBatch(services, found, pending);
    const document = batchDocument(services.urls, found, pending.recordedAt);
    await sendBatch(services, req, res, { ...chosenBy(pending), document, ...batch });
  });

  router.post(ack, exporter, async (req, res) => {
    const name = nameOf(req);
    const known = pulledBy(req);
    known(await findExport(db, name));
    const text = readReceiptBody(await jsonBody(req, services, ACK_BYTES));
    if (text !== null) {
      const receipt = services.exportReceipts.open(text);
      if (receipt === undefined) {
        const message = 'the receipt is none that a batch of this server has ended with, whole as it was given out';
        throw new FeedsError('bad-marker', message);
      }
      await acknowledgeBatch(services, name, receipt, known);
    }
    const found = known(await findExport(db, name));
    const { entries, lost, seconds } = await readLag(db, found);
    const { acknowledged } = found;
    sendJson(req, res, 200, {
      acknowledged: acknowledged === undefined ? null : batchId(found, acknowledged),
      lag: { entries: Number(entries), lost: Number(lost), seconds },
    });
  });

  addOtherMethods(router, one, exporter, () => ['GET', 'HEAD', 'OPTIONS']);
  addOtherMethods(router, ack, exporter, () => ['POST', 'OPTIONS'], [JSON_TYPE]);
}

function nameOf(req: Request): string {
  const { name } = req.params as { name: string };
  return name;
}

function pulledBy(req: Request): (found: NamedExport | undefined) => NamedExport {
  return (found) => {
    const known = mayPull(req.principal, found);
    if (known.target === undefined) return known;
    const message = `"${known.name}" is pushed to its target "${known.target}", and neither pulled nor acknowledged by anybody else`;
    throw new FeedsError('conflict', message);
  };
}

/** All that can be chosen is the export's. */
function refuseParameters(req: Request): void {
  const [name] = new URLSearchParams(queryOf(req.url)).keys();
  if (name === undefined) return;
  const message = `there is no parameter "${name.slice(0, 40)}": what is exported, and how, was chosen when the export was made`;
  throw new FeedsError('bad-parameter', message);
}

function chosenBy({
  format,
  columns,
  columnTypes,
}: Pick<NamedExport, 'format' | 'columns' | 'columnTypes'>): Pick<RowJob, 'format' | 'columns'> {
  return { format, columns: rowColumns(columns, columnTypes) };
}

function nothing({ place }: NamedExport): Pick<NamedBatch, 'wanted'> {
  const none = {
    partition: EXPORTED_PARTITION,
    feeds: new Map(),
    from: new Map(),
    limit: 0,
    redact: undefined,
    extract: undefined,
  };
  return { wanted: { ...none, begin: place, to: place.place } };
}

function sendBatch(
  services: Services,
  req: Request,
  res: Response,
  { endOf, ...job }: Omit<RowJob, 'coding'> & Pick<NamedBatch, 'endOf'>,
): Promise<void> {
  return sendRows(services, req, res, { job, endOf, trailers: { names: TRAILERS, fieldsOf: trailersOf } });
}

function trailersOf({ receipt, until, rows, lost }: BatchEnd): Record<string, string> {
  return {
    ...(receipt === null ? {} : { 'Millrace-Export-Receipt': receipt }),
    ...(until === undefined ? {} : { 'Millrace-Export-Until': until }),
    'Millrace-Export-Rows': String(rows),
    'Millrace-Export-Lost': lostField(lost),
  };
}
