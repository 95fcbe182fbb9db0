declare module '@20minutes/s3rver' {
  import type { RequestListener } from 'node:http';

  /** What is used of it: it has no types of its own. */
  class S3rver {
    constructor(options: {
      directory: string;
      silent: boolean;
      /** Of hosts like `bucket.s3.localhost`. */
      serviceEndpoint: string;
      vhostBuckets: boolean;
      allowMismatchedSignatures: boolean;
      configureBuckets: readonly { name: string }[];
    });
    configureBuckets(): Promise<unknown>;
    callback(): RequestListener;
  }
  export = S3rver;
}
