import { writeFile } from 'node:fs/promises';
import pg from 'pg';
import { createDatabase, startTestServer } from './database.js';
import { SCHEMA_FILE, printSchema } from './schema.js';

// `npm run schema`, after a migration was added.
const stopTestServer = await startTestServer();
const database = await createDatabase();
const db = new pg.Client({ connectionString: database.url });
await db.connect();
try {
  await writeFile(SCHEMA_FILE, await printSchema(db));
} finally {
  await db.end();
  await database.drop();
  await stopTestServer();
}
