export interface EntryParts {
  readonly id?: string;
  readonly title?: string;
  readonly updated?: string;
  readonly published?: string;
  readonly author?: string;
  readonly categories?: readonly string[];
  /** Markup of the whole atom:content element; the default holds a short text. */
  readonly content?: string;
  /** Markup that stands behind everything else. */
  readonly more?: string;
  /** Attributes of the start tag, as they stand there. */
  readonly attributes?: string;
}

let made = 0;

/** An id that no other entry of this run has. */
export function anId(): string {
  made += 1;
  return `urn:test:${String(process.pid)}:${String(made)}`;
}

/** An Atom entry as a publisher sends it. What is not said is a fresh id, a short content and nothing else. */
export function anEntry(parts: EntryParts = {}): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${anEntryElement(parts)}`;
}

/** The same, for a publisher that leaves the id to the server. */
export function anEntryWithoutId(parts: Omit<EntryParts, 'id'> = {}): string {
  return anEntry(parts).replace(/<id>.*?<\/id>/, '');
}

/** A feed document of these entries, to be published as one batch. */
export function aFeedOf(entries: readonly EntryParts[]): string {
  return `<feed xmlns="http://www.w3.org/2005/Atom">${entries.map(anEntryElement).join('\n')}</feed>`;
}

function anEntryElement(parts: EntryParts): string {
  const { id = anId(), title, updated, published, author, categories = [], more = '', attributes = '' } = parts;
  const content = parts.content ?? '<content>something happened</content>';
  const one = (name: string, text: string | undefined): string =>
    text === undefined ? '' : `<${name}>${escaped(text)}</${name}>`;
  const terms = categories.map((term) => `<category term="${escaped(term)}"/>`).join('');
  const person = author === undefined ? '' : `<author>${one('name', author)}</author>`;
  const start = `<entry xmlns="http://www.w3.org/2005/Atom"${attributes === '' ? '' : ` ${attributes}`}>`;
  return `${start}${one('id', id)}${one('title', title)}${one('updated', updated)}${one('published', published)}${person}${terms}${content}${more}</entry>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(']]>', ']]&gt;').replaceAll('"', '&quot;');
}
