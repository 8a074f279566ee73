/** The thread that owns the cache file: SQLite works synchronously, and the notebook's thread must not wait for a disk. */
import { parentPort, workerData } from "node:worker_threads";
import { type KeeperOptions, openKeeper } from "./keeper.js";
import { type Answer, type Call, type Calls, packRows, unpackRows } from "./messages.js";

const keeper = openKeeper(workerData as KeeperOptions);

const answers: { readonly [K in keyof Calls]: (ask: Calls[K]["ask"]) => Calls[K]["answer"] } = {
  known: ({ space, texts }) => keeper.known(space, texts),
  take: ({ space, texts }) => packRows(keeper.take(space, texts)),
  keep: ({ space, texts, rows }) => {
    keeper.keep(space, texts, unpackRows(rows) as Uint8Array[]);
    return null;
  },
  contents: () => keeper.contents(),
  remove: (victims) => keeper.remove(victims),
  exportTo: (path) => keeper.exportTo(path),
  importFrom: (path) => keeper.importFrom(path),
  close: ({ shrink }) => {
    keeper.close(shrink);
    return null;
  },
};

parentPort?.on("message", ({ id, name, ask }: Call) => {
  const answer = answers[name] as (ask: Call["ask"]) => unknown;
  parentPort?.postMessage({ id, value: answer(ask), notes: keeper.notes() } satisfies Answer);
  if (name === "close") parentPort?.close();
});
