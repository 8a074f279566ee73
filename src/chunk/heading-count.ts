/** How a line begins that may be a heading, or the underline of one. */
const BEGINNINGS = ["\n#", "\n==", "\n--"];

/** How many lines may be headings, code and tables not looked at: for an estimate, at the speed of a search for bytes. */
export function countHeadings(source: string): number {
  let count = source.startsWith("#") ? 1 : 0;
  for (const beginning of BEGINNINGS) {
    for (let at = source.indexOf(beginning); at !== -1; at = source.indexOf(beginning, at + beginning.length)) count++;
  }
  return count;
}
