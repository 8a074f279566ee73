import assert from "node:assert/strict";
import fs, { cpSync } from "node:fs";
import fsp, { cp, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import * as rag from "../../dist/index.js";
import { openAtomic } from "../../dist/store/atomic.js";
import { artefactsOf, differences } from "../lib/artefacts.ts";
import { cells, type Made, type Place, runCell } from "../lib/cells.ts";
import { injectFaults } from "../lib/faults/inject.ts";
import { onOperation, openHandles, replaced } from "../lib/faults/operations.ts";
import { inferenceProcesses } from "../lib/processes.ts";
import { corpusOf, root as repository, scratch, smallCorpus } from "../lib/sample.ts";

let corpus = "";
let undisturbed: Record<string, string> = {};

before(async () => {
  corpus = await corpusOf(smallCorpus);
  const root = await scratch("undisturbed");
  const made: Made = {};
  for (const cell of cells) await runCell(rag, cell, { root, corpus }, made);
  undisturbed = await artefactsOf(root);
  assert.ok(Object.keys(undisturbed).length > 30);
});

test("what the library imports by name is what is disturbed", async () => {
  const reading = "opendir readdir readFile realpath stat statfs lstat utimes FileHandle glob access".split(" ");
  const rooms = ["store", "export", "pass", "stage", "session", "models/lock-file.js"];
  const names = new Set<string>();
  for (const room of rooms) {
    const path = join(repository, "dist", room);
    const files = room.endsWith(".js") ? [path] : (await readdir(path)).map((name) => join(path, name));
    for (const file of files.filter((name) => name.endsWith(".js"))) {
      const text = await readFile(file, "utf8");
      assert.doesNotMatch(text, /createWriteStream|\.writev\(|\bfs\.|promises as/, file);
      for (const [, list = ""] of text.matchAll(/import \{([^}]*)\} from "node:fs\/promises"/g))
        for (const name of list.split(",")) names.add(name.trim());
    }
  }
  assert.ok(names.has("rename") && names.has("mkdir"));
  for (const name of names) assert.ok(name in replaced || reading.includes(name), `${name} is not watched`);
  assert.equal(open, replaced.open);
  assert.equal(mkdir, replaced.mkdir);
  assert.equal(fsp.rename, fs.promises.rename);
  const dir = join(await scratch("self"), "folder");
  const faults = injectFaults(dir);
  const kinds: string[] = [];
  for (let at = 1; ; at++) {
    faults.arm(at, { code: "EIO", half: false, kinds: null });
    const failed = await openAtomic(join(dir, "file"))
      .then(
        async (file) => {
          await file.write("text");
          return file.commit().then(
            () => false,
            () => true,
          );
        },
        () => true,
      )
      .catch(() => true);
    if (!failed) break;
    kinds.push(faults.fired()?.operation.kind ?? "none");
  }
  assert.deepEqual([...new Set(kinds)].sort(), ["mkdir", "open", "rename", "sync", "write"]);
  assert.deepEqual(openHandles(dir), []);
});

test("the system takes half of every write: every artefact is byte for byte the same", async () => {
  const place: Place = { root: await scratch("short"), corpus };
  const faults = injectFaults(place.root);
  faults.shorten();
  const made: Made = {};
  for (const cell of cells) await runCell(rag, cell, place, made);
  faults.disarm();
  assert.deepEqual(differences(await artefactsOf(place.root), undisturbed), []);
});

for (const fault of [
  { code: "ENOSPC", half: true, kinds: null },
  // A broken disk and a full one differ where bytes are written and synced; the rest has failed above.
  { code: "EIO", half: false, kinds: ["write", "sync", "truncate"] },
] as const) {
  test(`${fault.code} at every ${fault.kinds?.join(", ") ?? "operation"} of every stage: an error that says so, nothing left open, and the cell goes on`, async (t) => {
    const place: Place = { root: await scratch(fault.code.toLowerCase()), corpus };
    const faults = injectFaults(place.root);
    const made: Made = {};
    const tolerated = new Set<string>();
    let attempts = 0;
    for (const cell of cells) {
      const unfinished = await keeper(join(place.root, "test/runs", cell));
      for (let at = 1; ; at++) {
        attempts++;
        faults.arm(at, fault);
        const error = await runCell(rag, cell, place, made).then(
          () => null,
          (thrown: unknown) => thrown,
        );
        const fired = faults.fired();
        faults.disarm();
        if (!fired) {
          assert.equal(error, null, `${cell} without a fault: ${error}`);
          break;
        }
        const { kind, path } = fired.operation;
        const where = `${cell}, operation ${at}: ${kind} ${path.slice(place.root.length).replace(/\d+\.\d+\.tmp$/, "*.tmp")}`;
        assert.deepEqual(openHandles(place.root), [], where);
        assert.deepEqual(inferenceProcesses(), [], where);
        if (error) {
          assert.ok(error instanceof rag.RagError, `${where}: ${(error as Error).stack}`);
          assert.equal(error.code, "store_write_failed", where);
          assert.match(error.message, fault.code === "ENOSPC" ? /disk is full/ : /EIO: i\/o error/, where);
        } else tolerated.add(where.replace(/operation \d+: /, ""));
        if (cell === "again")
          assert.equal((await rag.latest(made.session as rag.Session, "chunk")).id, made.chunk?.id, where);
        await unfinished.restore();
      }
      unfinished.forget();
    }
    t.diagnostic(`${attempts} attempts`);
    for (const operation of tolerated) t.diagnostic(`not needed: ${operation}`);
    assert.ok(
      [...tolerated].every((operation) => /^\w+, (rm |\w+ \/test\/sources\b|sync \/test$)/.test(operation)),
      "only what would be removed may stay, and where documents were read may be forgotten",
    );
    // It goes when the session is opened again.
    for (const cell of ["open", "close"] as const) await runCell(rag, cell, place, made);
    assert.deepEqual(differences(await artefactsOf(place.root), undisturbed), []);
  });
}

/** Sets a stage back to the moment before its run got its final name, so that the operations behind it fail too, each in turn. */
async function keeper(stageDir: string) {
  const spare = await scratch("spare");
  const forget = onOperation((operation, run) => {
    if (operation.kind === "rename" && dirname(operation.path) === stageDir && operation.path.endsWith(".partial"))
      cpSync(operation.path, spare, { recursive: true });
    return run();
  });
  return {
    async restore() {
      const [name, ...others] = await readdir(stageDir).catch(() => []);
      assert.deepEqual(others, [], "one folder a run");
      if (name === undefined || name.endsWith(".partial")) return;
      await rm(join(stageDir, name), { recursive: true });
      await cp(spare, join(stageDir, `${name}.partial`), { recursive: true });
    },
    forget,
  };
}
