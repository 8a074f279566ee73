import type { BatchBudget } from "../budget/types.js";
import { rowsWithin } from "../core/batches.js";
import { inferenceProcessDied, modelTooLargeForDevice, RagError, wordsOf } from "../core/errors.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import { openEncoder } from "../runtime/encoder.js";
import type { Came, Encoder, EncoderOptions, TokenBatch } from "../runtime/types.js";
import type { MemorySample } from "../telemetry/recorder.js";
import type { Rung } from "./ladder.js";
import { type BatchSeconds, batchSecondsFor, type Taker } from "./take.js";

/** What a device is opened with. */
export interface MemberInput {
  readonly device: UsableDevice;
  readonly options: Omit<EncoderOptions, "provider" | "env">;
  readonly signal: AbortSignal;
  /** Most rows that are computed at once. */
  readonly maxRows: number;
  /** Bytes of the device that may be used. */
  readonly limitBytes: number;
  /** Tokens that are computed at once where the device has no budget of its own. */
  readonly tokenBudget: number;
  /** Seconds that a batch is to take, where its memory is known and where it is not; 0 for one micro-batch in each. */
  readonly batchSeconds: BatchSeconds;
  /** Seconds a batch may take; null for no limit. */
  readonly timeoutSeconds: number | null;
  /** Seconds that loading may take; null for no limit. */
  readonly loadSeconds: number | null;
  /** What readings of the device's memory are and how often they come. */
  readonly sampling: Pick<MemorySample, "source" | "interval" | "capBytes">;
  /** Bytes in use on the device, from a reading that is younger than the call; null where nothing tells. */
  readonly readBytes: () => Promise<number | null>;
  /** A budget for the device once its model is loaded, from the bytes in use before and after; null where it needs none. */
  readonly openBudget: (baseBytes: number | null, loadedBytes: number | null) => Promise<BatchBudget | null>;
  /** Times what loading takes. */
  readonly loading: (load: () => Promise<Encoder>) => Promise<Encoder>;
  /** Told the process whose memory is to be read. */
  readonly started: (pid: number) => void;
}

/** A device at work in a pass: its process, its budget, and where it stands on the ladder. */
export interface Member extends Taker {
  readonly device: UsableDevice;
  /** Bytes of the device that may be used. */
  readonly limitBytes: number;
  rung: Rung;
  /** The process was ended for its memory, which its own end does not tell. */
  watchdog: string | null;
  /** More than the cap was in use when it was read last. */
  overCap: boolean;
  /** Loads the model, where no process has it. @throws RagError those of `openEncoder` */
  load(): Promise<Encoder>;
  /** The error for a device on which nothing fits. @param words what it said last */
  tooSmall(length: number, words: string): RagError;
  /** Why not even one row of this length may be tried. */
  whyNone(length: number): string;
  budget(): BatchBudget | null;
  /** Computes a batch; see {@link Encoder.compute}. @throws RagError those of `load` too */
  compute(microBatches: readonly TokenBatch[], came: Came): Promise<RagError | null>;
  /** Sends what will be encoded next, where a process is there. */
  sendAhead(microBatches: readonly TokenBatch[]): void;
  /** Learns from micro-batches of the last batch that were computed, and the seconds that they took. */
  observe(computed: readonly TokenBatch[], seconds: readonly number[]): void;
  /** A reading of the device's memory, as it comes in. */
  saw(usedBytes: number): void;
  /** Makes a new session in the same process. @throws RagError those of `Encoder.renew` */
  renew(): Promise<void>;
  /** Whether a process has the device. */
  running(): boolean;
  /** Ends the process; the next batch waits for a new one. */
  end(): Promise<void>;
  /** Ends the process from outside of its work; what it computes fails. */
  kill(words: string): void;
  /** What a frame says of the device's memory: the most that was seen since its batch began; null where no reading fell into that. */
  memory(): MemorySample | null;
  /** Nodes by provider, as the first process that was asked said. */
  placement(): Readonly<Record<string, number>> | null;
}

/** A batch is planned to be over in this share of the time that it may take: an estimate can be wrong. */
const SHARE_OF_TIMEOUT = 0.25;

function tooLarge({ device, options, limitBytes }: MemberInput, expectedBytes: number | null, words: string): RagError {
  const weightBytes = options.shape?.weightBytes ?? 0;
  const neededBytes = Math.max(weightBytes, expectedBytes ?? 0);
  return modelTooLargeForDevice(options.model, device.name, { neededBytes, limitBytes, weightBytes }, words);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** A device whose process starts when the first batch is due. */
export function openMember(input: MemberInput): Member {
  const { device, options, signal, maxRows, timeoutSeconds } = input;
  const fixed = rowsWithin(input.tokenBudget);
  let opening: Promise<Encoder> | null = null;
  /** Ends the process, whether it is loading or has loaded; null where there is none. */
  let kill: ((words: string) => void) | null = null;
  let budget: BatchBudget | null = null;
  let placement: Readonly<Record<string, number>> | null = null;
  let peak: number | null = null;
  /** Of the last batch; the next one's rows are nearly as long. */
  let secondsPerToken: number | null = null;

  const open = async (): Promise<Encoder> => {
    const before = budget ? null : await input.readBytes();
    const { provider, env } = device;
    const probe = options.probe === true && placement === null;
    const limit = input.loadSeconds ?? undefined;
    const loading = new AbortController();
    kill = (words) => {
      loading.abort(inferenceProcessDied(options.model, { code: null, signal: "SIGKILL", stderr: words }));
    };
    const either = AbortSignal.any([signal, loading.signal]);
    const encoder = await openEncoder({ ...options, provider, env, probe }, either, limit).catch((cause) => {
      kill = null;
      if (loading.signal.aborted && !signal.aborted) throw loading.signal.reason;
      throw cause instanceof RagError && cause.code === "out_of_memory" ? tooLarge(input, null, wordsOf(cause)) : cause;
    });
    kill = encoder.kill;
    input.started(encoder.pid);
    placement ??= encoder.placement;
    // The same model takes the same memory again: only the first time is worth waiting for a reading.
    if (budget) budget.renewed(null);
    else budget = await input.openBudget(before, await input.readBytes());
    return encoder;
  };
  const end = async () => {
    const encoder = await opening?.catch(() => null); // A failure to load was thrown to who asked.
    opening = null;
    await encoder?.close();
  };
  const member: Member = {
    device,
    limitBytes: input.limitBytes,
    rung: 0,
    watchdog: null,
    overCap: false,
    load() {
      opening ??= input.loading(open);
      return opening;
    },
    batchSeconds: (rows, length) =>
      Math.min(
        batchSecondsFor(input.batchSeconds, budget, rows, length),
        (timeoutSeconds ?? Number.POSITIVE_INFINITY) * SHARE_OF_TIMEOUT,
      ),
    holds: (rows, length) => budget?.holds(rows, length) ?? true,
    rowsFor: (length) => Math.min(maxRows, budget ? budget.rowsFor(length) : fixed(length)),
    secondsFor: (rows, length) => (secondsPerToken === null ? null : secondsPerToken * rows * length),
    whyNone: (length) =>
      `one row of ${length} tokens is expected to need ${gigabytes(budget?.expectedBytes(1, length) ?? 0)} on ${device.name}, more than is planned for`,
    tooSmall: (length, words) => tooLarge(input, budget?.expectedBytes(1, length) ?? null, words),
    budget: () => budget,
    async compute(microBatches, came) {
      const encoder = await member.load();
      peak = null;
      return encoder.compute(microBatches, came, timeoutSeconds ?? undefined);
    },
    sendAhead(microBatches) {
      opening?.then(
        (encoder) => encoder.sendAhead(microBatches),
        () => {}, // Thrown to who loads.
      );
    },
    observe(computed, seconds) {
      let [all, tokens] = [0, 0];
      computed.forEach(({ rows, length }, i) => {
        const mine = seconds[i] as number;
        all += mine;
        tokens += rows * length;
        budget?.observe({ rows, length, seconds: mine, peakBytes: i === 0 ? peak : null });
      });
      if (tokens > 0) secondsPerToken = all / tokens;
    },
    saw(usedBytes) {
      peak = Math.max(peak ?? 0, usedBytes);
    },
    async renew() {
      await (await member.load()).renew();
      budget?.renewed(null);
    },
    running: () => opening !== null,
    end,
    kill: (words) => kill?.(words),
    memory: () => (peak === null ? null : { ...input.sampling, bytes: peak, peakBytes: peak }),
    placement: () => placement,
  };
  return member;
}
