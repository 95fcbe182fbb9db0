#!/usr/bin/env node
/* global fetch */
// node register.mjs FOLDER WORKSPACE/FEED   adds a contract as the feed's next version
// node register.mjs FOLDER                  prints the body that would be sent
// MILLRACE_URL (http://127.0.0.1:8080) and MILLRACE_TOKEN (else the text of data/admin-token) say where and as whom.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const [folder, feed] = process.argv.slice(2);
if (folder === undefined) {
  console.error('Say which folder: node register.mjs FOLDER [WORKSPACE/FEED]');
  process.exit(2);
}
const body = JSON.stringify(await readContract(folder), undefined, 2);
if (feed === undefined) console.log(body);
else await register(feed, body);

/**
 * The contract in a folder: contract.json, the schema in schema.*, an example in example.*; every other file that can
 * be a schema is one that the schema refers to by its name.
 */
async function readContract(path) {
  const contract = JSON.parse(await readFile(join(path, 'contract.json'), 'utf8'));
  const imports = {};
  for (const name of (await readdir(path)).sort()) {
    if (name === 'contract.json' || !/\.(json|xsd|rng|xml)$/.test(name)) continue;
    const text = await readFile(join(path, name), 'utf8');
    const value = contract.kind === 'json-schema' ? JSON.parse(text) : text;
    if (name.startsWith('schema.')) contract.schema = value;
    else if (name.startsWith('example.')) contract.example = value;
    else imports[name] = value;
  }
  return { ...contract, imports };
}

async function register(path, text) {
  const server = process.env.MILLRACE_URL ?? 'http://127.0.0.1:8080';
  const token = process.env.MILLRACE_TOKEN ?? (await readFile('data/admin-token', 'utf8')).trim();
  const response = await fetch(`${server}/admin/feeds/${path}/schemas`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: text,
  });
  // 201: the version; 200: the newest version is this very contract; else what was wrong, each mistake with its place
  console.log(await response.text());
  if (!response.ok) process.exitCode = 1;
}
