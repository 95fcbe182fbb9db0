import { DuckDBInstance } from '@duckdb/node-api';

export interface DuckDb {
  /** Rows as JSON: 64-bit integers and times are strings. */
  ask(sql: string): Promise<readonly (readonly unknown[])[]>;
  close(): void;
}

/** A reader of Parquet and NDJSON that others have written. Times are in UTC. */
export async function openDuckDb(): Promise<DuckDb> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run(`set TimeZone = 'UTC'`);
  return {
    ask: async (sql) => (await connection.runAndReadAll(sql)).getRowsJson(),
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
