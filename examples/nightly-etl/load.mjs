#!/usr/bin/env node
/* global fetch, TextDecoderStream, URLSearchParams */
// node load.mjs                   loads what was published since the last run into the warehouse, each event once
// node load.mjs --after-restore   the same after exit code 3: goes on from the last place that server and warehouse have in common
// WAREHOUSE_URL and MILLRACE_TOKEN have to be set; MILLRACE_URL (http://127.0.0.1:8080), FEEDS (*) and ROWS_PER_LOAD (100000) may be.
// Exit codes: 0 all is loaded; 1 it failed: run it again; 2 called in a wrong way; 3 the server was put back to an older state: somebody
// has to decide; 4 all that is there is loaded, but some events were gone before they could be.
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const { WAREHOUSE_URL, MILLRACE_TOKEN, MILLRACE_URL = 'http://127.0.0.1:8080', FEEDS = '*' } = process.env;
const ROWS_PER_LOAD = Number(process.env.ROWS_PER_LOAD ?? 100_000);
const isAfterRestore = process.argv[2] === '--after-restore';

// content_json comes last, so that it can be cut off as it stands: Postgres cannot look into all that JSON may hold (\u0000).
const CONTENT = ',"content_json":';
const COLUMNS =
  'workspace,feed,position,atom_id,event_type,tenant,categories,published,updated,recorded_at,kind,schema_version,content_type,content_xml';

const MERGE = `
  insert into millrace.events (${COLUMNS}, content_json)
  select workspace, feed, position, atom_id, event_type, tenant, categories,
         case when published ~ '^(?!0000)\\d{4}-' then published::timestamptz end,
         case when updated ~ '^(?!0000)\\d{4}-' then updated::timestamptz end,
         recorded_at, kind, schema_version, content_type, content_xml,
         case when content_json::text <> 'null' then content_json end
    from staging,
         json_to_record(event) as (
           workspace text, feed text, position bigint, atom_id text, event_type text, tenant text, categories text[], published text,
           updated text, recorded_at timestamptz, kind text, schema_version integer, content_type text, content_xml text)
      on conflict do nothing`;

// Of the text form of COPY.
const ESCAPES = { '\\': '\\\\', '\t': '\\t', '\r': '\\r' };

/** What is told on stderr in one line, with the exit code. */
class Failure extends Error {
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

try {
  await main();
} catch (error) {
  // What a connection failed of is in `cause` of fetch, and in `errors` where several addresses were tried.
  const { cause = error } = error;
  console.error(
    `not loaded: ${error.message || error.code}${cause === error ? '' : ` (${cause.message || cause.code})`}`,
  );
  process.exitCode = error instanceof Failure ? error.code : 1;
}

async function main() {
  if (process.argv.length > (isAfterRestore ? 3 : 2)) throw new Failure('usage: load.mjs [--after-restore]', 2);
  if (!WAREHOUSE_URL || !MILLRACE_TOKEN) throw new Failure('WAREHOUSE_URL and MILLRACE_TOKEN have to be set', 2);
  if (!(ROWS_PER_LOAD >= 1)) throw new Failure('ROWS_PER_LOAD has to be a number, 1 or more', 2);
  const warehouse = new pg.Client({ connectionString: WAREHOUSE_URL, application_name: 'nightly-etl' });
  // A connection that breaks is told by the query that was under way.
  warehouse.on('error', () => undefined);
  await warehouse.connect();
  try {
    for (;;) {
      const { loaded, rows, until, lost } = await loadSome(warehouse);
      console.log(`loaded ${loaded} events${until ? `; what was recorded until ${until} is there` : ''}`);
      for (const { workspace, feed, entries, atMost } of lost) {
        const count = `${atMost ? 'at most ' : ''}${entries ?? 'some'}`;
        console.error(`lost: ${count} events of ${workspace}/${feed} were gone before they could be loaded`);
        process.exitCode = 4;
      }
      if (rows < ROWS_PER_LOAD) return;
    }
  } finally {
    await warehouse.end().catch(() => undefined);
  }
}

/**
 * One load: the events, and the token to go on from, in one transaction. Whenever this is killed or cut off, Postgres keeps
 * nothing of it, and the next run asks for the same rows again.
 */
async function loadSome(warehouse) {
  await warehouse.query('begin');
  // One load at a time. What a killed run has left is waited for: Postgres soon finds that nobody is there any more.
  await warehouse.query("set local lock_timeout = '60s'");
  await warehouse.query('lock table millrace.loads in share row exclusive mode').catch((cause) => {
    throw cause.code === '55P03' ? new Failure('another load has been under way for a minute') : cause;
  });
  const after = await lastToken(warehouse);
  const answer = await askFor(after);

  await warehouse.query('create temporary table staging (event json, content_json json) on commit drop');
  let end;
  const copy = warehouse.query(copyFrom('copy staging from stdin'));
  await pipeline(
    stagingLines(answer.body, (line) => (end = line)),
    copy,
  );
  if (end?.rows !== copy.rowCount) throw new Failure('the export was cut off before its end');

  const { rowCount } = await warehouse.query(MERGE);
  await warehouse.query('insert into millrace.loads (feeds, after, rows, until, lost) values ($1, $2, $3, $4, $5)', [
    FEEDS,
    end.after,
    rowCount,
    end.until,
    JSON.stringify(end.lost),
  ]);
  await warehouse.query('commit');
  return { loaded: rowCount, ...end };
}

async function lastToken(warehouse) {
  const { rows } = await warehouse.query(
    'select after from millrace.loads where feeds = $1 order by load desc limit 1',
    [FEEDS],
  );
  return rows[0]?.after;
}

async function askFor(after) {
  const query = new URLSearchParams({ format: 'ndjson', feeds: FEEDS, columns: `${COLUMNS},content_json` });
  query.set('limit', ROWS_PER_LOAD);
  if (after !== undefined) query.set('after', after);
  const answer = await fetch(`${MILLRACE_URL}/export?${query}`, {
    headers: { authorization: `Bearer ${MILLRACE_TOKEN}` },
  });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  if (answer.status !== 409) throw new Failure(`${answer.status} ${problem.detail ?? answer.statusText}`);
  if (isAfterRestore && after !== problem.lastCommon) return askFor(problem.lastCommon);
  throw new Failure(
    'the server was put back to an older state: what it has forgotten by that is still in the warehouse. See README.md, then run with --after-restore',
    3,
  );
}

/** The events as COPY wants them. The last line is none: it is given to `tell`, if the answer came to its end. */
async function* stagingLines(body, tell) {
  let last = '';
  for await (const line of linesOf(body)) {
    if (last !== '') yield stagingLine(last);
    last = line;
  }
  if (last.startsWith('{"kind":"end"')) tell(JSON.parse(last));
}

async function* linesOf(body) {
  let rest = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    yield* lines;
  }
}

function stagingLine(line) {
  const at = line.indexOf(CONTENT);
  const columns = [`${line.slice(0, at)}}`, line.slice(at + CONTENT.length, -1)];
  return `${columns.map((text) => text.replace(/[\\\t\r]/g, (character) => ESCAPES[character])).join('\t')}\n`;
}
