import { readFile, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isXmlKind } from './core/contract.js';
import type { Contract, ContractKind } from './core/contract.js';
import { FeedsError } from './core/errors.js';
import type { Violation } from './core/errors.js';
import type { DeclaredContract } from './core/feeds-file.js';
import { readContractBody } from './formats/contract-body.js';
import { JSON_TYPE } from './formats/media-types.js';

/** As over HTTP. */
const CONTRACT_BYTES = 1024 * 1024;
/** What in a folder can be a schema, or an example. */
const PART = /\.(json|xsd|rng|xml)$/;

/** The members of a contract (schemas/api/contract.json), each as JSON text, so that a schema stays as it was written. */
type Members = Record<string, string>;

/** Something is wrong with a declared contract; `path` leads there, from the contract on. */
class DeclarationError extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/**
 * The contract that a feeds file declares, whose files are found from the directory of that file on. What is wrong with it
 * comes as violations with paths from the contract on; that it compiles is not looked at.
 */
export async function readDeclaredContract(
  declared: DeclaredContract,
  directory: string,
): Promise<{ readonly contract: Contract } | { readonly mistakes: readonly Violation[] }> {
  try {
    const members = await membersOf(declared, directory);
    const body = Buffer.from(
      `{${Object.entries(members)
        .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
        .join(',')}}`,
    );
    if (body.length > CONTRACT_BYTES) {
      throw new DeclarationError('', `has ${String(body.length)} bytes; ${String(CONTRACT_BYTES)} are taken`);
    }
    return { contract: readContractBody(body, JSON_TYPE).contract };
  } catch (error) {
    if (error instanceof DeclarationError) return { mistakes: [{ path: error.path, message: error.message }] };
    if (!(error instanceof FeedsError)) throw error;
    const { violations = [{ path: '', message: error.message }] } = error.details;
    // Lines are those of the body that was put together here.
    return { mistakes: violations.map(({ path, message }) => ({ path, message })) };
  }
}

async function membersOf(declared: DeclaredContract, directory: string): Promise<Members> {
  const { folder, schemaFile, ...inline } = declared;
  if (folder !== undefined) {
    const beside = Object.keys(declared).filter((name) => name !== 'folder');
    if (beside.length > 0) throw new DeclarationError('', `has a folder, and beside it ${beside.join(', ')}`);
    return readFolder(resolve(directory, folder));
  }
  const members = Object.fromEntries(Object.entries(inline).map(([name, value]) => [name, JSON.stringify(value)]));
  if (schemaFile === undefined) return members;
  if (inline.schema !== undefined) throw new DeclarationError('', 'has a schema and a schemaFile: only one can be');
  const text = await textOf(resolve(directory, schemaFile), '/schemaFile');
  return { ...members, schema: partOf(inline.kind, text, '/schemaFile') };
}

/**
 * A folder: the contract in contract.json, the schema in schema.*, an example in example.*; every other file that can be a
 * schema is one that the schema refers to by its name.
 */
async function readFolder(folder: string): Promise<Members> {
  const contract = objectIn(await textOf(join(folder, 'contract.json'), '/folder'));
  const members = Object.fromEntries(Object.entries(contract).map(([name, value]) => [name, JSON.stringify(value)]));
  const imports: string[] = [];
  const names = (await readdir(folder)).filter((name) => PART.test(name) && name !== 'contract.json').sort();
  for (const name of names) {
    const part = partOf(contract['kind'], await textOf(join(folder, name), '/folder'), `/folder/${name}`);
    if (name.startsWith('schema.')) members['schema'] = part;
    else if (name.startsWith('example.')) members['example'] = part;
    else imports.push(`${JSON.stringify(name)}:${part}`);
  }
  return imports.length === 0 ? members : { ...members, imports: `{${imports.join(',')}}` };
}

function objectIn(text: string): Record<string, unknown> {
  const value: unknown = parseJson(text, '/folder/contract.json');
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new DeclarationError('/folder/contract.json', 'is no JSON object');
}

/** XML stands in a string, JSON as it is. */
function partOf(kind: unknown, text: string, path: string): string {
  if (isXmlKind(kind as ContractKind)) return JSON.stringify(text);
  parseJson(text, path);
  return text;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DeclarationError(path, `is not JSON: ${(error as Error).message}`);
  }
}

async function textOf(file: string, path: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    if (bytes.length > CONTRACT_BYTES) throw new DeclarationError(path, `names ${file}, which is larger than is taken`);
    return bytes.toString('utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    if (error instanceof DeclarationError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new DeclarationError(path, `names ${file}, which cannot be read: ${code ?? 'it is no file'}`);
  }
}
