import type { SessionStatus } from "../schema/session-status-types.js";
import type { SettingSource, Settings } from "../schema/settings-types.js";
import type { DiskQuota } from "../store/quota.js";
import { openClock } from "./clock.js";
import { appendLedger, readLedger, secondsInWeek } from "./ledger.js";

/** So far apart are two lines of the ledger. */
const LEDGER_SECONDS = 300;

/** What watches over a session's time, GPU hours and disk. */
export interface Care {
  /** What is left, at once: of the disk it is the last count, of the GPU hours what was known when the session was opened and since. */
  status(): SessionStatus;
  readonly quota: DiskQuota | null;
  /** Seconds until the limit, below 0 behind it; null where there is none. */
  secondsLeft(): number | null;
  /** Seconds before the limit at which stages stop; 0 for never. */
  readonly marginSeconds: number;
  /** Notes the time on a machine with a GPU, where the last note is some minutes old. A ledger that can't be written costs no result. */
  tick(): void;
}

/**
 * Begins to watch over a session.
 *
 * @param gpu whether the machine has a GPU, used or not: its hours count from the machine's start
 * @param ledger the file in the sessions' folder that GPU time is noted in
 * @throws RagError `bad_setting` for a session's start that lies in the future
 */
export async function openCare(
  settings: Settings,
  startSetBy: SettingSource,
  machine: { readonly gpu: boolean; readonly ledger: string; readonly quota: DiskQuota | null; readonly proc?: string },
): Promise<Care> {
  const { gpu, ledger, quota, proc } = machine;
  const clock = openClock(settings.sessionStart, startSetBy.source, proc);
  const limit = settings.sessionHours === null ? null : settings.sessionHours * 3600;
  const marginSeconds = settings.endMarginMinutes * 60;
  const others = secondsInWeek((await readLedger(ledger)).filter((entry) => entry.machine !== clock.key));
  const own = () => (gpu ? clock.elapsed() : 0);
  let noted = Number.NEGATIVE_INFINITY;
  quota?.last();

  const care: Care = {
    quota,
    marginSeconds,
    secondsLeft: () => (limit === null ? null : limit - clock.elapsed()),
    tick() {
      if (!gpu || clock.elapsed() - noted < LEDGER_SECONDS) return;
      noted = clock.elapsed();
      void appendLedger(ledger, clock.key, noted).catch(() => {});
    },
    status() {
      const { gpuQuotaHours } = settings;
      const use = quota?.last() ?? null;
      const elapsed = clock.elapsed();
      return {
        time:
          limit === null
            ? null
            : { limitSeconds: limit, leftSeconds: limit - elapsed, marginSeconds, startFrom: clock.from },
        gpu:
          gpuQuotaHours === null
            ? null
            : {
                usedSeconds: others + Math.min(own(), WEEK_SECONDS),
                quotaSeconds: gpuQuotaHours * 3600,
                counting: gpu,
              },
        disk:
          quota === null
            ? null
            : {
                folder: quota.folder,
                usedBytes: use?.bytes ?? null,
                quotaBytes: quota.bytes,
                whole: use?.whole ?? true,
              },
      };
    },
  };
  care.tick();
  return care;
}

const WEEK_SECONDS = 7 * 24 * 3600;
