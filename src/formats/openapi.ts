import { createRequire } from 'node:module';
import { parse } from 'yaml';

/** The package's own schemas, beside src as beside dist. */
const load = createRequire(import.meta.url);
const BODY = /^(?:\.\/api\/)?([a-z-]+\.json)(?:#(.*))?$/;

type Json = Readonly<Record<string, unknown>>;

interface Description extends Json {
  readonly info: Json;
  readonly components: Json & { readonly schemas: Json };
}

/**
 * The description of the API that is served (OpenAPI 3.1), of the YAML that is written by hand. The bodies that are checked by
 * schemas/api are described by those very schemas: what refers to one of their files refers to a component instead.
 */
export function openApi(yaml: string, { url, version }: { url: string; version: string }): object {
  const source = parse(yaml) as Description;
  const bodies = new Map<string, unknown>();
  const { components, ...described } = walk(source, '') as Description;
  return {
    ...described,
    info: { ...described.info, version },
    servers: [{ url }],
    components: { ...components, schemas: { ...components.schemas, ...Object.fromEntries(bodies) } },
  };

  /** A copy in which every `$ref` names a place in the whole; `root` is what a place in the file itself begins with. */
  function walk(value: unknown, root: string): unknown {
    if (Array.isArray(value)) return value.map((item) => walk(item, root));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]: [string, unknown]) =>
        name === '$ref' && typeof member === 'string' ? [name, placeOf(member, root)] : [name, walk(member, root)],
      ),
    );
  }

  function placeOf(reference: string, root: string): string {
    const [, file, pointer = ''] = BODY.exec(reference) ?? [];
    return file === undefined ? reference.replace('#', `#${root}`) : `#${componentOf(file)}${pointer}`;
  }

  /** The place of the component that a file has become. */
  function componentOf(file: string): string {
    const name = componentName(file);
    const place = `/components/schemas/${name}`;
    if (bodies.has(name)) return place;
    // It may refer to itself by way of others.
    bodies.set(name, undefined);
    // A component is found by its place; an `$id` would make it a resource of its own (JSON Schema 2020-12 §8.2.1).
    const { $schema: _schema, $id: _id, ...schema } = load(`../../schemas/api/${file}`) as Json;
    bodies.set(name, walk(schema, place));
    return place;
  }
}

/** `feeds-file.json` becomes `FeedsFile`. */
function componentName(file: string): string {
  return file.replace(/\.json$/, '').replaceAll(/(?:^|-)([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}
