/** Runs in a thread of an inference process: ends that process by force once the one that started it is gone. */
import { workerData } from "node:worker_threads";

/** Seldom enough to cost a thousandth of a processor. */
const EVERY_MS = 250;

const parent = workerData as number;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, EVERY_MS);
