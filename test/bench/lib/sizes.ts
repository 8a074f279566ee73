/** `1000,10000` as numbers; the process ends with what is wrong where they are none. */
export function sizesOf(text: string): readonly number[] {
  const sizes = text.split(",").map(Number);
  if (sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0)) return sizes;
  console.error(`--sizes ${text}: whole numbers of chunks are needed, such as 1000,10000`);
  process.exit(1);
}
