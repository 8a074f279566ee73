import { outOfMemory } from "../core/errors.js";
import type { BatchReport } from "../runtime/types.js";
import type { MemorySample } from "../telemetry/recorder.js";
import { type Claim, openClaim } from "./claim.js";
import type { FrameWriter, PreparedPiece } from "./frames.js";
import type { Member } from "./member.js";
import type { Piece } from "./queue.js";
import { type FailedRow, isKnownTooLong, openRecovery, type RecoveryInput } from "./recover.js";
import { takeBatch } from "./take.js";

/** What the devices of a pass share. */
export interface DriveInput extends Omit<RecoveryInput, "over"> {
  /** Names the model in errors. */
  readonly model: string;
  readonly prepare: (rows: readonly number[]) => Promise<PreparedPiece>;
  readonly writer: Pick<FrameWriter, "begin" | "write">;
  /** Whether no device may begin another batch; those under way are finished. Absent for never. */
  readonly over?: () => boolean;
}

/**
 * Lets every device take from the queue until it is empty and all are done. A device
 * gets its next batch while it computes, and begins it when the one before is
 * durable, so that a kill costs one batch a device at most. Rows that a device could
 * not compute go back to the queue, or, alone, to those that failed.
 *
 * @returns rows that failed, in no order
 * @throws RagError the first error that no step of the ladder is for; all devices stop then
 */
export async function driveAll(input: DriveInput): Promise<readonly FailedRow[]> {
  const { members, queue } = input;
  const recovery = openRecovery({ ...input, over: () => error !== null });
  const claims = new Map<Member, Claim>();
  let busy = 0;
  let error: unknown = null;
  let wake: () => void = () => {};
  let changed = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const change = () => {
    wake();
    changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
  };

  const takeFor = (member: Member): Claim | null => {
    const pieces = takeBatch(queue, member, members.length);
    if (pieces.length === 0) return null;
    const claim = openClaim(pieces, input.prepare, (microBatches) => {
      if (claims.get(member) === claim) member.sendAhead(microBatches);
    });
    return claim;
  };
  /** What another device has taken and not begun, when nothing else is left; cut anew, since devices may differ. */
  const steal = (member: Member): Claim | null => {
    for (const [other, { pieces }] of claims) {
      claims.delete(other);
      queue.giveBack(...pieces);
      return takeFor(member);
    }
    return null;
  };
  const handedOn = (member: Member): Claim | null => {
    const piece = recovery.handedOn(member);
    return piece && openClaim([piece], input.prepare);
  };
  const next = async (member: Member): Promise<Claim | null> => {
    for (;;) {
      if (error || input.over?.()) return null;
      const again = recovery.again(member);
      const ahead = claims.get(member);
      if (!again) claims.delete(member);
      const claim = again
        ? openClaim([again], input.prepare)
        : (ahead ?? takeFor(member) ?? steal(member) ?? handedOn(member));
      if (claim) {
        busy++;
        return claim;
      }
      if (busy === 0) return null;
      await changed;
    }
  };

  /** Computes a claim, whatever it takes; what is left of it goes back to the queue. */
  const compute = async (member: Member, claim: Claim): Promise<void> => {
    const { pieces, batch, microBatches, rest } = await claim.begin();
    if (error) return;
    queue.giveBack(...rest);
    let left = pieces;
    try {
      await member.load();
      const [first] = pieces as readonly [Piece];
      if (isKnownTooLong(member, first))
        throw outOfMemory(input.model, { rows: 1, length: first.length }, member.whyNone(first.length));
      const number = input.writer.begin();
      const writes: Promise<void>[] = [];
      const seconds: number[] = [];
      const computing = member.compute(microBatches, (index, output, report) => {
        const memory = member.device.kind === "cpu" ? residentSet(report) : member.memory();
        const computed = { output, seconds: report.runSeconds, device: member.device.name, batch: number, memory };
        const write = input.writer.write(batch[index] as PreparedPiece, computed);
        write.catch(() => {}); // Thrown below.
        writes.push(write);
        seconds.push(report.seconds);
      });
      // What is tried again comes before what was taken earlier.
      const ahead = claims.get(member) ?? takeFor(member);
      if (ahead) claims.set(member, ahead);
      change();
      const failure = await computing.catch((cause: unknown) => cause);
      await Promise.all(writes);
      left = pieces.slice(writes.length);
      member.observe(microBatches.slice(0, writes.length), seconds);
      if (writes.length > 0) recovery.computed(member);
      if (failure) throw failure;
    } catch (cause) {
      if (error) return;
      const ahead = claims.get(member);
      claims.delete(member);
      if (ahead) queue.giveBack(...ahead.pieces);
      await recovery.recover(member, left, cause);
    }
  };

  const drive = async (member: Member): Promise<void> => {
    for (;;) {
      const claim = await next(member);
      if (!claim) return;
      try {
        await compute(member, claim);
      } finally {
        busy--;
        change();
      }
    }
  };

  await Promise.all(
    members.map((member) =>
      drive(member).catch((cause) => {
        // The first one tells what happened; the others fail because they are stopped.
        error ??= cause;
        for (const other of members) other.kill("another device failed");
        change();
      }),
    ),
  );
  if (error) throw error;
  return recovery.failed;
}

/** What the CPU's frames say of memory, so that an attempt that goes on knows what the one before it took. */
function residentSet({ rssBytes, peakRssBytes }: BatchReport): MemorySample {
  return {
    source: "resident set of the inference process",
    interval: "at the end of every batch; the peak is the system's own high-water mark",
    capBytes: null,
    bytes: rssBytes,
    peakBytes: peakRssBytes,
  };
}
