import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What the server counts and how /metrics shows it. The counting functions are cheap enough for every request. */
export interface Metrics {
  /** An answered request. `route` is the pattern that matched, such as `/feeds/:workspace/:feed`, never a URL as sent. */
  request(route: string, method: string, status: number, seconds: number): void;
  /** A committed batch of the log. */
  batch(batch: { requests: number; entries: number; octets: number; seconds: number }): void;
  /** A page that was asked for was in the page cache, or was not. */
  pageCache(hit: boolean): void;
  /** An entry was checked against a contract: it fits, it breaks it, or that could not be told in time. */
  contractCheck(result: 'fits' | 'breaks' | 'cut-off'): void;
  /** A request was refused because its caller has used up what it may use; `limit` is the policy's name. */
  rateLimited(limit: string): void;
  /** Entries that retention deleted. */
  removed(entries: number): void;
  /** Rows that were pushed to the target of a named export. */
  pushed(name: string, rows: number): void;
  /** From now on the gauges show what these functions tell at the moment of the scrape. */
  watch(sources: MetricSources): void;
  /** Calls this each time before it tells: for who counts many at a time. */
  beforeText(count: () => void): void;
  readonly contentType: string;
  /** All of it in Prometheus' text format. */
  text(): Promise<string>;
}

export interface MetricSources {
  /** Bytes of requests that wait to be written. */
  readonly queueBytes: () => number;
  readonly pageCacheBytes: () => number;
  /** Connections of the readers' pool: lent out, open in all, and requests that wait for one. */
  readonly pool: () => { inUse: number; open: number; waiting: number };
  /** The LISTEN connection is up, so that heads are answered from memory. */
  readonly listening: () => boolean;
  /** How far named exports are behind; undefined: the database does not tell in time. Asked for twice in a row, it is read once. */
  readonly exportLags: () => Promise<readonly ExportLags[] | undefined>;
}

interface Lag {
  readonly entries: bigint;
  readonly seconds: number;
}

interface ExportLags {
  readonly name: string;
  /** Of all its feeds together, and of those that lag, the one that lags most first. */
  readonly lag: Lag & { readonly feeds: readonly (Lag & { readonly workspace: string; readonly feed: string })[] };
  /** Undefined: it is not pushed. */
  readonly push: Push | undefined;
}

interface Push {
  readonly failures: number;
  readonly deadLetters: number;
}

/** Of each export; the others are in the whole. */
const MOST_LAGGING_FEEDS = 10;

const REQUEST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const BATCH_ENTRIES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = countRequests();

  const batchSeconds = new Histogram({
    name: 'millrace_batch_duration_seconds',
    help: 'Time that a batch of the log took, from its lock to its commit',
    buckets: BATCH_SECONDS,
    registers,
  });
  const batchEntries = new Histogram({
    name: 'millrace_batch_entries',
    help: 'Entries that a batch of the log wrote',
    buckets: BATCH_ENTRIES,
    registers,
  });
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const batchRequests = counter('millrace_batch_requests_total', 'Requests that were answered by a batch of the log');
  const published = counter(
    'millrace_entries_published_total',
    'Entries that were written, revisions and tombstones too',
  );
  const publishedBytes = counter('millrace_published_bytes_total', 'Bytes of the entries that were written');
  const hits = counter('millrace_page_cache_hits_total', 'Pages that were asked for and found in the page cache');
  const misses = counter(
    'millrace_page_cache_misses_total',
    'Pages that were asked for and not found in the page cache',
  );
  const checks = new Counter({
    name: 'millrace_contract_checks_total',
    help: 'Entries that were checked against a contract, by what came of it',
    labelNames: ['result'],
    registers,
  });
  const limited = new Counter({
    name: 'millrace_rate_limited_total',
    help: 'Requests that were answered 429, by the limit that refused them',
    labelNames: ['limit'],
    registers,
  });
  const removed = counter('millrace_entries_removed_total', 'Entries that retention deleted');

  const pushed = new Counter({
    name: 'millrace_export_pushed_rows_total',
    help: 'Rows that this node has pushed to the target of a named export',
    labelNames: ['export'],
    registers,
  });

  let sources: MetricSources | undefined;
  const first: (() => void)[] = [];
  const gauge = (name: string, help: string, read: (from: MetricSources) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        if (sources !== undefined) this.set(read(sources));
      },
    });
  };
  gauge('millrace_queue_bytes', 'Bytes of requests that wait to be written', (from) => from.queueBytes());
  gauge('millrace_page_cache_bytes', 'Bytes that the page cache holds', (from) => from.pageCacheBytes());
  gauge(
    'millrace_pool_connections_in_use',
    "Connections of the readers' pool that are lent out",
    (from) => from.pool().inUse,
  );
  gauge('millrace_pool_connections_open', "Connections of the readers' pool", (from) => from.pool().open);
  gauge('millrace_pool_waiting', 'Queries that wait for a connection', (from) => from.pool().waiting);
  gauge('millrace_head_memory_listening', 'Whether the LISTEN connection is up', (from) => (from.listening() ? 1 : 0));

  const lagGauge = (name: string, help: string, read: (lag: Lag) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['export', 'workspace', 'feed'],
      registers,
      async collect() {
        const lags = (await sources?.exportLags()) ?? [];
        // What does not lag any more, or is not known now, is not told.
        this.reset();
        for (const { name: exported, lag } of lags) {
          this.set({ export: exported }, read(lag));
          for (const one of lag.feeds.slice(0, MOST_LAGGING_FEEDS)) {
            this.set({ export: exported, workspace: one.workspace, feed: one.feed }, read(one));
          }
        }
      },
    });
  };
  lagGauge(
    'millrace_export_lag_entries',
    'Entries that were not acknowledged yet: of a named export in all, and of those of its feeds that lag most',
    ({ entries }) => Number(entries),
  );
  lagGauge(
    'millrace_export_lag_seconds',
    'Age of the oldest entry that was not acknowledged yet, of a named export in all, and of those of its feeds that lag most',
    ({ seconds }) => seconds,
  );

  const pushGauge = (name: string, help: string, read: (push: Push) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['export'],
      registers,
      async collect() {
        const lags = (await sources?.exportLags()) ?? [];
        this.reset();
        for (const { name: exported, push } of lags) {
          if (push !== undefined) this.set({ export: exported }, read(push));
        }
      },
    });
  };
  pushGauge(
    'millrace_export_push_failures',
    'How often pushing a named export to its target has failed in a row',
    ({ failures }) => failures,
  );
  pushGauge(
    'millrace_export_dead_letters',
    'Entries that the target of a named export has refused',
    ({ deadLetters }) => deadLetters,
  );

  return {
    request: requests.observe,
    batch({ requests: answered, entries, octets, seconds }) {
      batchRequests.inc(answered);
      if (entries === 0) return;
      batchSeconds.observe(seconds);
      batchEntries.observe(entries);
      published.inc(entries);
      publishedBytes.inc(octets);
    },
    pageCache(hit) {
      (hit ? hits : misses).inc();
    },
    contractCheck(result) {
      checks.inc({ result });
    },
    rateLimited(limit) {
      limited.inc({ limit });
    },
    removed(entries) {
      removed.inc(entries);
    },
    pushed(name, rows) {
      pushed.inc({ export: name }, rows);
    },
    watch(given) {
      sources = given;
    },
    contentType: registry.contentType,
    beforeText(count) {
      first.push(count);
    },
    async text() {
      for (const count of first) count();
      return `${await registry.metrics()}\n${requests.text()}`;
    },
  };
}

interface Series {
  readonly counts: number[];
  sum: number;
}

/**
 * The histogram of requests. Counted by ourselves because prom-client takes 1.1 µs for each observation of a labelled
 * histogram, a few per cent of a whole answer; this takes 60 ns.
 */
function countRequests(): { observe: Metrics['request']; text: () => string } {
  const name = 'millrace_http_request_duration_seconds';
  const routes = new Map<string, Map<string, Map<number, Series>>>();

  function newSeries(route: string, method: string, status: number): Series {
    const methods = routes.get(route) ?? new Map<string, Map<number, Series>>();
    const statuses = methods.get(method) ?? new Map<number, Series>();
    const series = { counts: new Array<number>(REQUEST_SECONDS.length + 1).fill(0), sum: 0 };
    routes.set(route, methods.set(method, statuses.set(status, series)));
    return series;
  }

  return {
    observe(route, method, status, seconds) {
      const series = routes.get(route)?.get(method)?.get(status) ?? newSeries(route, method, status);
      let bucket = 0;
      while (bucket < REQUEST_SECONDS.length && seconds > (REQUEST_SECONDS[bucket] ?? 0)) bucket += 1;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.sum += seconds;
    },
    text() {
      const lines = [
        `# HELP ${name} Time from the request's first byte to the answer's last`,
        `# TYPE ${name} histogram`,
      ];
      for (const [route, methods] of routes) {
        for (const [method, statuses] of methods) {
          for (const [status, { counts, sum }] of statuses) {
            const labels = `route="${escapeLabel(route)}",method="${escapeLabel(method)}",status="${String(status)}"`;
            let below = 0;
            counts.forEach((count, bucket) => {
              below += count;
              lines.push(
                `${name}_bucket{le="${String(REQUEST_SECONDS[bucket] ?? '+Inf')}",${labels}} ${String(below)}`,
              );
            });
            lines.push(`${name}_sum{${labels}} ${String(sum)}`, `${name}_count{${labels}} ${String(below)}`);
          }
        }
      }
      return `${lines.join('\n')}\n`;
    },
  };
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
