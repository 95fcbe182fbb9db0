import { LRUCache } from 'lru-cache';
import type { ExportedEntry } from '../../core/export.js';
import type { Feed, FeedId } from '../../core/feed.js';
import { SLICED_CHARACTERS, readTreeGently } from '../xml/xml-tree.js';
import { EntryRow } from './entry-row.js';
import type { ExportRow } from './export-row.js';
import { encoded, learnForm, mayHaveForm } from './forms/row-form.js';
import type { EncodedEntry, RowForm } from './forms/row-form.js';

/** Gives entries as rows, each good until the next one is asked for. `showsPositions`: the caller sees the whole log. */
export type RowMaker = (
  entry: ExportedEntry,
  feed: Pick<Feed, 'workspace' | 'name'>,
  showsPositions: boolean,
) => ExportRow | Promise<ExportRow>;

/** A form takes some 50 kB. */
const FEEDS = 100;
const FORMS_OF_A_FEED = 4;
/** To learn a form costs as much as to read some thirty entries: where forms do not fit there are fewer lessons each time. */
const FIRST_LESSON = 8;
const RAREST_LESSON = 8_192;

interface Known {
  /** The one that has fitted last is the first. */
  readonly forms: RowForm[];
  /** So many entries that fit none, and one is learned. */
  untilLesson: number;
  betweenLessons: number;
}

/** For one export. */
export function startRowMaker(): RowMaker {
  const feeds = new LRUCache<FeedId, Known>({ max: FEEDS });
  return (entry, feed, showsPositions) => {
    const known = feeds.get(entry.feed) ?? begin(feeds, entry.feed);
    const fitting = mayHaveForm(entry) ? encoded(entry) : undefined;
    const row = fitting && rowByForm(known.forms, fitting, feed, showsPositions);
    if (row !== undefined) return row;
    if (--known.untilLesson === 0) learn(known, fitting);
    // A small one is read when a column asks for it.
    if (entry.xml.length < SLICED_CHARACTERS) return new EntryRow(entry, feed, showsPositions);
    return readTreeGently(entry.xml).then((tree) => new EntryRow(entry, feed, showsPositions, tree));
  };
}

function rowByForm(
  forms: RowForm[],
  ...[entry, feed, showsPositions]: Parameters<RowForm['rowOf']>
): ExportRow | undefined {
  for (const form of forms) {
    const row = form.rowOf(entry, feed, showsPositions);
    if (row === undefined) continue;
    if (form !== forms[0]) forms.unshift(...forms.splice(forms.indexOf(form), 1));
    return row;
  }
  return undefined;
}

function begin(feeds: LRUCache<FeedId, Known>, feed: FeedId): Known {
  const known = { forms: [], untilLesson: FIRST_LESSON, betweenLessons: FIRST_LESSON };
  feeds.set(feed, known);
  return known;
}

function learn(known: Known, entry: EncodedEntry | undefined): void {
  const form = entry && learnForm(entry);
  if (form !== undefined) known.forms.unshift(form);
  if (known.forms.length > FORMS_OF_A_FEED) known.forms.pop();
  known.betweenLessons = Math.min(known.betweenLessons * 2, RAREST_LESSON);
  known.untilLesson = known.betweenLessons;
}
