/** At most so many characters (UTF-16 code units), with an ellipsis for what is left out. */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${cutText(text, most)}…`;
}

/** The beginning of the text; no character is cut in two. */
export function cutText(text: string, most: number): string {
  const isSplit = (text.charCodeAt(most - 1) & 0xfc00) === 0xd800;
  return text.slice(0, isSplit ? most - 1 : most);
}
