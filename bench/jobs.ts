/** What the process that makes the load is asked to do, and what it answers. */
export type Job = HttpJob | ProbeJob | SqlJob | ExportJob | CopyJob;

/** Until when: so long, or so many answers. */
export type Until = { readonly seconds: number } | { readonly answers: number };

export interface HttpJob {
  readonly kind: 'http';
  readonly url: string;
  readonly connections: number;
  readonly until: Until;
  readonly request: PublishRequest | GetRequest;
  /** Any other status ends the job with an error. */
  readonly expect: number;
}

export interface PublishRequest {
  readonly method: 'POST';
  /** The connections take them in turn. */
  readonly paths: readonly string[];
  readonly token: string;
  /** What is published; `plain` when it is not said. */
  readonly entry?: EntryKind;
}

/** Plain metering, and what keeps to one of the ready contracts (schemas/contracts). */
export type EntryKind = 'plain' | 'usage-event' | 'order-event';

export interface GetRequest {
  readonly method: 'GET';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes each query another one. */
  readonly varied?: {
    readonly by: 'position' | 'entry id' | 'tenant';
    /** The feed's entries, as `fillFeed` made them. */
    readonly entries: number;
  };
}

/** Publishes now and then, and asks all the time with another connection until it sees it. */
export interface ProbeJob {
  readonly kind: 'probe';
  readonly url: string;
  readonly path: string;
  readonly token: string;
  /** Of the poller, when there was nothing new. */
  readonly pauseMs: number;
  readonly seconds: number;
}

/** The references: what `pg` does without a server in front. */
export interface SqlJob {
  readonly kind: 'sql';
  readonly connectionString: string;
  readonly what: 'batches' | 'rows' | 'counted rows' | 'pages';
  /** Of `rows`, `counted rows` and `pages`: how many wait for one of the ten connections at a time. */
  readonly concurrency: number;
  readonly feeds: number;
  readonly seconds: number;
}

/** Reads an export to its end. */
export interface ExportJob {
  readonly kind: 'export';
  readonly url: string;
  readonly token: string;
  /** That it has. */
  readonly rows: number;
}

/** The reference to that: COPY … TO STDOUT. */
export interface CopyJob {
  readonly kind: 'copy';
  readonly connectionString: string;
  readonly sql: string;
  readonly rows: number;
}

export interface Outcome {
  /** In time; of entries, answers or pages; of an export bytes. */
  readonly perSecond: number;
  /** Of all answers, also those that came after the end. */
  readonly answers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Cores that the load itself took. */
  readonly cores: number;
}
