/** How many tokens a batch should have for throughput's sake, in one bucket of lengths. */
export interface Climb {
  /** Tokens that the next batch should have, if memory allows. */
  readonly target: number;
  /** Tokens of the batches that ran best, and their throughput; null before any ran. */
  best(): { readonly tokens: number; readonly tokensPerSecond: number } | null;
  /** Whether the best size was found, and not only the best so far. */
  readonly settled: boolean;
  /** Whether enough batches of such a size were computed to compare it with others. */
  isKnown(tokens: number, length: number): boolean;
  /** Learns from a batch that was computed. @param work arithmetic that it took, so that lengths compare */
  ran(tokens: number, length: number, work: number, seconds: number): void;
  /** A batch of so many tokens did not fit. */
  shrink(tokens: number): void;
}

interface Level {
  readonly tokens: number;
  batches: number;
  /** Best arithmetic in a second, and the tokens in a second that went with it. */
  rate: number;
  tokensPerSecond: number;
  /** Fewest seconds that a batch of this size took. */
  seconds: number;
}

const GROWTH = 1.5;
/**
 * A batch that is over in less is too small, whatever its throughput seems to be: on a busy machine a few short ones
 * tell nothing. It is made larger, and twice at once; one that is over in a tenth of that, after the first, and four times at once.
 */
const SHORT_SECONDS = 0.5;
const TINY_SECONDS = SHORT_SECONDS / 10;
/** Unless it is slower by this share than one of half the size. */
const LOSS = 0.25;
/** Batches of one size before the next is tried: the first one pays for new memory and new kernels. */
const BATCHES = 2;
/** A size is compared with one that is smaller by this factor, and has to be faster by this share. */
const [APART, GAIN] = [1.4, 0.03];
/** Sizes that are not faster before the climb ends. */
const CHANCES = 2;

/**
 * Climbs to the knee of the throughput: sizes grow while they are faster or short,
 * and the smallest that is as fast as the fastest, and not short, is kept. A size's rate is its best
 * batch: what disturbs a measurement makes it slower, never faster.
 *
 * @param settled true where an earlier pass found the size
 */
export function startClimb(first: number, settled: boolean): Climb {
  const levels: Level[] = [];
  let target = first;
  let chances = settled ? 0 : CHANCES;

  // The last rows of a bucket and halves of a batch say nothing of the size that was wanted.
  const levelOf = (tokens: number, length: number) =>
    levels.find(({ tokens: other }) => Math.abs(tokens - other) <= Math.max(other * 0.05, length / 2));
  const fastest = () => Math.max(...levels.map(({ rate }) => rate));
  const kept = () => {
    const good = levels.filter(({ rate }) => rate >= fastest() * (1 - GAIN));
    const long = good.filter(({ seconds }) => seconds >= SHORT_SECONDS);
    return long.length > 0 ? long.reduce(smaller) : good.reduce(larger);
  };

  /** After enough batches of one size: larger, or back to the best. */
  const decide = (level: Level, length: number): void => {
    const below = levels.filter(({ tokens }) => tokens * APART <= level.tokens);
    const base = below.reduce<Level | null>((most, other) => (most && most.tokens > other.tokens ? most : other), null);
    const short = level.seconds < SHORT_SECONDS && !(base && level.rate < base.rate * (1 - LOSS));
    if (base && !short && level.rate < base.rate * (1 + GAIN)) chances--;
    const growth = !short ? GROWTH : level.seconds < TINY_SECONDS ? 4 : 2;
    const next = Math.max(level.tokens * growth, level.tokens + length);
    target = chances > 0 ? next : kept().tokens;
  };

  return {
    get target() {
      return target;
    },
    get settled() {
      return chances <= 0;
    },
    best() {
      if (levels.length === 0) return null;
      const { tokens, tokensPerSecond } = kept();
      return { tokens, tokensPerSecond };
    },
    isKnown: (tokens, length) => chances <= 0 || (levelOf(tokens, length)?.batches ?? 0) >= BATCHES,
    ran(tokens, length, work, seconds) {
      let level = levelOf(tokens, length);
      if (!level) {
        level = { tokens, batches: 0, rate: 0, tokensPerSecond: 0, seconds };
        levels.push(level);
      }
      level.batches++;
      level.seconds = Math.min(level.seconds, seconds);
      const rate = work / Math.max(seconds, 1e-6);
      if (rate > level.rate) Object.assign(level, { rate, tokensPerSecond: tokens / Math.max(seconds, 1e-6) });
      const isLargest = levels.every((other) => other.tokens <= level.tokens);
      // Behind a shrinking, a larger batch may still come back that was begun before.
      const isWanted = isLargest || tokens + length > target;
      const isEnough = level.batches >= BATCHES || level.seconds < TINY_SECONDS;
      if (chances > 0 && isEnough && isWanted) decide(level, length);
    },
    shrink(tokens) {
      for (let at = levels.length - 1; at >= 0; at--) if ((levels[at] as Level).tokens >= tokens) levels.splice(at, 1);
      target = Math.min(target, tokens / 2);
      // What was found is void, and the cause may pass: the climb begins again from here.
      chances = CHANCES;
    },
  };
}

function larger(one: Level, other: Level): Level {
  return other.tokens > one.tokens ? other : one;
}

function smaller(one: Level, other: Level): Level {
  return other.tokens < one.tokens ? other : one;
}
