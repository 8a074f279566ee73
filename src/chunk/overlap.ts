import { characterStarts, wordStarts } from "./boundaries.js";
import type { Span } from "./lines.js";
import { CHARACTERS_PER_TOKEN, type Meter } from "./meter.js";

/**
 * Where a chunk begins that repeats the text before it: at the earliest word for
 * which the repeated text is within the overlap and the whole chunk within all
 * limits; at a character where that text has no words. `own.start` where nothing fits.
 *
 * @param from where the section begins, which an overlap never reaches past
 */
export function overlapStart(source: string, from: number, own: Span, meter: Meter): number {
  const { overlapTokens } = meter.options;
  const reach = {
    start: Math.max(from, own.end - meter.longest, own.start - CHARACTERS_PER_TOKEN * overlapTokens),
    end: own.start,
  };
  if (overlapTokens === 0 || reach.start >= reach.end) return own.start;
  const words = [reach.start, ...wordStarts(source, reach, 1)] as number[];
  const starts = words.length > 1 ? words : ([...characterStarts(source, reach, 1)] as number[]);
  // The first one stands anywhere in a word, unless the section begins with it.
  if (reach.start > from) starts.shift();
  let low = 0;
  for (let high = starts.length; low < high; ) {
    const middle = (low + high) >> 1;
    const repeated = meter.count(source.slice(starts[middle], own.start));
    if (meter.strict(repeated) <= overlapTokens) high = middle;
    else low = middle + 1;
  }
  // Room was kept for the overlap, but not beside a block that was kept whole.
  for (; low < starts.length; low += Math.ceil((starts.length - low) / 2)) {
    if (meter.fits(meter.count(source.slice(starts[low], own.end)))) return starts[low] as number;
  }
  return own.start;
}
