/** What named exports may be pushed to, as TARGETS_FILE declares it (docs/push.md). */

export type TargetSettings = DirectoryTarget | S3Target | PostgresTarget;

export interface DirectoryTarget {
  readonly kind: 'directory';
  /** Absolute. */
  readonly path: string;
}

export interface S3Target {
  readonly kind: 's3';
  /** A URL, without a trailing slash. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Before the names of all objects: empty, or ending with a slash. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The bucket is in the path of the URL, not in its host. */
  readonly pathStyle: boolean;
}

export interface PostgresTarget {
  readonly kind: 'postgres';
  readonly url: string;
  /** `events` or `schema.events`. */
  readonly table: string;
}

/** By their names. */
export type TargetsSettings = ReadonlyMap<string, TargetSettings>;

/** What no message may repeat. */
export function targetSecrets(settings: TargetSettings): readonly string[] {
  switch (settings.kind) {
    case 'directory':
      return [];
    case 's3':
      return [settings.secretAccessKey];
    case 'postgres': {
      const password = URL.canParse(settings.url) ? new URL(settings.url).password : '';
      return password === '' ? [settings.url] : [settings.url, password, decoded(password)];
    }
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
