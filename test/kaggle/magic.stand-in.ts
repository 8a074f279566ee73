import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startKernel } from "../../dist/notebook/kernel.js";
import { root, scratch } from "../lib/sample.ts";
import { drive, loadMagic, printed, type Result } from "./lib/drive.ts";
import { environments, generations } from "./lib/environments.ts";

/** Cells that fail, each in its own way. */
const failing = {
  compiler: "const a: number = 'x';\nconst b: string = 5;",
  thrown: "console.error('a warning'); await null; throw new TypeError('boom “ü” 🙂');",
  syncThrow: "null.x",
  rejected: "setTimeout(() => {}, 0); Promise.reject(new Error('nobody waited')); 1",
  library: 'import { openSession } from "rag-cells"; await openSession({ name: "../up" });',
};

for (const environment of environments) {
  const { name, skip } = environment;

  test(`${name}: cells print, show, update in place, fail, and are stopped`, { skip }, async (t) => {
    const all = await drive(environment, await workPlace(), {
      load: { run: loadMagic },
      again: { run: "rag_cells_magic.load()" },
      first: { run: "%%ts\nconst six: number = 6;\nsix * 7" },
      kept: { run: "%%ts\nsix + 1" },
      words: { run: "%%ts\nconsole.log('Grüße, 世界 🙂 ' + process.cwd()); console.error('an aside');" },
      lines: { run: "%%ts\nfor (let i = 0; i < 2000; i++) console.log('line ' + i);" },
      display: {
        run: `%%ts
import { display, newDisplay } from "tslab";
const line = newDisplay();
line.html("<b>1</b>"); display.svg("<svg/>"); line.html("<b>2</b>");`,
      },
      later: { run: '%%ts\nline.html("<b>3</b>");' },
      ...Object.fromEntries(Object.entries(failing).map(([key, code]) => [key, { run: `%%ts\n${code}` }])),
      afterFailure: { run: "%%ts\nsix" },
      python: { run: "%%ts extra\nsix" },
      capture: { run: "%%capture told\nget_ipython().run_cell_magic('ts', '', 'console.log(\"caught\");')" },
      captured: { run: "told.stdout" },
      late: { run: "%%ts\nconst timer = setTimeout(() => console.log('came late'), 300);" },
      wait: { sleep: 1.5 },
      lateBusy: { run: "%%ts\nconst timer2 = setTimeout(() => console.log('came while Python ran'), 500);" },
      busy: { run: "import time; time.sleep(1.5); print('python')" },
      // Behind an await: an interrupt that comes just as a cell's first part ends can be lost by Node, or hit the next cell.
      stop: {
        run: "%%ts\nawait null; console.log('ready'); await new Promise(() => {});",
        stop: "ready",
      },
      afterStop: { run: "%%ts\nsix" },
      stopLoop: { run: "%%ts\nconsole.log('ready'); for (;;);", stop: "ready" },
      afterLoop: { run: "%%ts\nsix" },
      force: {
        run: "%%ts\nawait new Promise((r) => setTimeout(r, 50)); console.log('ready'); for (;;);",
        stop: "ready",
        again: 7,
      },
      afterForce: { run: "%%ts\n1 + 1" },
      cell: { time: "%%ts\nconst tiny = 1;", times: 30 },
      pythonCell: { time: "tiny = 1", times: 30 },
      end: { end: "kill", during: "%%ts\nawait null; console.log('in a loop'); for (;;);", when: "in a loop" },
    });

    for (const [key, { status }] of Object.entries({ load: all.load, again: all.again }))
      assert.equal(status, "ok", key);
    assert.match(printed(all.first), /42/);
    assert.match(printed(all.kept), /7/);
    assert.match(printed(all.words), /^Grüße, 世界 🙂 \/.*\n$/);
    assert.equal(printed(all.words, "stderr"), "an aside\n");
    assert.equal(printed(all.lines), Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join(""));

    const [slot, svg, update] = all.display.outputs;
    assert.deepEqual([slot?.type, slot?.data], ["display_data", { "text/html": "<b>1</b>" }]);
    assert.deepEqual([svg?.type, svg?.data], ["display_data", { "image/svg+xml": "<svg/>" }]);
    const id = slot?.transient?.display_id;
    assert.ok(id);
    assert.deepEqual(
      [update?.type, update?.data, update?.transient?.display_id],
      ["update_display_data", { "text/html": "<b>2</b>" }, id],
    );
    assert.equal(all.later.outputs[0]?.transient?.display_id, id, "a later cell changes the display of an earlier one");

    await sameFailures(all as unknown as Record<string, Result>);
    assert.equal(
      printed((all as Record<string, Result>)["thrown"] as Result, "stderr"),
      "a warning\n",
      "only the error itself is shown as an error",
    );
    assert.match(
      (all as Record<string, Result>)["compiler"]?.evalue ?? "",
      /^2:7 - .*\n3:7 - /,
      "lines are counted as the notebook counts them",
    );
    assert.equal(printed(all.afterFailure), printed(all.first).replace("42", "6"), "at once, though tslab says abort");
    assert.match(all.python.evalue ?? "", /%%ts stands alone/);
    assert.match(JSON.stringify(all.captured.outputs), /caught/);

    assert.match(printed(all.late), /^came late$/m);
    const both = printed(all.lateBusy) + printed(all.busy);
    assert.equal(both.split("came while Python ran").length, 2, "once, at the cell that runs when it comes");

    for (const stopped of [all.stop, all.stopLoop]) {
      assert.equal(stopped.ename, "TypeScriptStopped");
      assert.match(stopped.evalue ?? "", /variables of earlier cells are there/);
    }
    t.diagnostic(`Stop: the cell ended ${((all.stop.afterStop as number) * 1000).toFixed(0)} ms after it`);
    for (const after of [all.afterStop, all.afterLoop]) assert.match(printed(after), /6/);
    assert.match(printed(all.force, "stderr"), /Stop again ends the TypeScript kernel/);
    assert.match(all.force.evalue ?? "", /stopped by force, and its variables are gone/);
    assert.match(printed(all.afterForce, "stderr"), /this is a fresh one/);
    assert.match(printed(all.afterForce), /2/);

    assert.ok(all.end.gone, "the TypeScript kernel outlived its parent");
    t.diagnostic(`kill -9 of the Python kernel: the TypeScript kernel was gone ${all.end.seconds.toFixed(2)} s later`);
    const [cell, bare] = [median(all.cell), median(all.pythonCell)];
    t.diagnostic(
      `trivial cells, median of 30: %%ts ${cell} ms, the kernel alone ${await kernelAlone()} ms, Python ${bare} ms`,
    );
  });
}

for (const environment of generations) {
  const { name, skip } = environment;

  test(`${name}: a killed kernel, a restart, help at the cursor, an orderly end`, { skip }, async (t) => {
    const place = await workPlace();
    const all = await drive(environment, place, {
      load: { run: "%load_ext rag_cells_magic" },
      path: { run: loadMagic },
      state: { run: '%%ts\nconst mine = { alpha: 1, beta: "x" };' },
      killed: { run: "%%ts\nconsole.log('said before'); await new Promise(() => {});", kill: "said before" },
      fresh: { run: "%%ts\nconst mine = { alpha: 1, beta: 'x' };" },
      between: { run: "%%ts\nconst bye = setTimeout(() => process.exit(3), 50);" },
      wait: { sleep: 1 },
      afterExit: { run: "%%ts\nmine" },
      define: { run: "%%ts\nconst mine = { alpha: 1, beta: 'x' };" },
      complete: { complete: "%%ts\n// 🙂\nmine.al", cursor: 17 },
      inspect: { inspect: "%%ts\nmine", cursor: 7 },
      pythonHelp: { complete: "import jso", cursor: 10 },
      restart: { run: "%ts_restart" },
      afterRestart: { run: "%%ts\nmine" },
      end: { end: "shutdown" },
    });
    assert.equal(all.load.status, "error", "the module is not on the path yet");
    assert.match(printed(all.killed), /said before/);
    assert.equal(all.killed.ename, "KernelEnded");
    assert.match(all.killed.evalue ?? "", /SIGKILL.*memory ran out.*The next %%ts cell starts a fresh one/);
    assert.equal(all.fresh.status, "ok");
    assert.match(printed(all.fresh, "stderr"), /variables of earlier %%ts cells are gone/);
    assert.match(printed(all.afterExit, "stderr"), /had ended; this is a fresh one/);
    assert.match(all.afterExit.evalue ?? "", /Cannot find name 'mine'/);
    assert.deepEqual([all.complete.matches, all.complete.cursor_start, all.complete.cursor_end], [["alpha"], 15, 17]);
    assert.match(all.inspect.data["text/plain"] ?? "", /alpha: number/);
    assert.ok(all.pythonHelp.matches.some((match) => match.includes("json")));
    assert.match(printed(all.restart), /^A fresh TypeScript kernel is ready/);
    assert.match(all.afterRestart.evalue ?? "", /Cannot find name 'mine'/);
    assert.equal(printed(all.afterRestart, "stderr"), "", "who asks for a restart need not be told");
    assert.ok(all.end.gone);
    assert.deepEqual(
      readdirSync(place).filter((file) => file.startsWith("rag-")),
      [],
      "an orderly end leaves nothing",
    );
    t.diagnostic(`a restart took ${all.restart.seconds.toFixed(1)} s`);
  });
  test(`${name}: what is missing is named, with the way out`, { skip }, async () => {
    // Copies of the modules alone: there is no package around them.
    const place = await workPlace();
    for (const file of readdirSync(join(root, "kaggle")).filter((entry) => entry.endsWith(".py")))
      await copyFile(join(root, "kaggle", file), join(place, file));
    await mkdir(join(place, "broken"));
    await writeFile(join(place, "old-node"), "#!/bin/sh\necho 'needs Node 22.13 or later' >&2; exit 1\n", {
      mode: 0o755,
    });
    const all = await drive(environment, place, {
      noPackage: { run: "import rag_cells_magic\nrag_cells_magic.load()" },
      notBuilt: { run: `rag_cells_magic.load(node=${JSON.stringify(process.execPath)}, root="broken")` },
      noNode: { run: `rag_cells_magic.load(node="/no/node", root=${JSON.stringify(root)})` },
      oldNode: { run: `rag_cells_magic.load(node="old-node", root=${JSON.stringify(root)})` },
      noFolder: { run: `rag_cells_magic.load(root=${JSON.stringify(root)}, cwd="/no/folder")` },
      works: { run: `rag_cells_magic.load(root=${JSON.stringify(root)}, env={"MINE": "set"})` },
      env: { run: "%%ts\nprocess.env.MINE" },
      unload: { run: "rag_cells_magic.unload_ipython_extension(get_ipython())" },
      gone: { run: "%%ts\n1" },
    });
    assert.match(all.noPackage.evalue ?? "", /^The package rag-cells is not in .*npm install rag-cells.*load\(root=/);
    assert.match(all.notBuilt.evalue ?? "", /broken\/dist\/cli\/main\.js is missing: .*Install it again/);
    assert.match(all.noNode.evalue ?? "", /does not start with \/no\/node: .*No such file/);
    assert.match(all.oldNode.evalue ?? "", /needs Node 22\.13 or later/);
    assert.match(all.noFolder.evalue ?? "", /^There is no folder \/no\/folder/);
    assert.equal(all.works.status, "ok", all.works.evalue ?? "");
    assert.match(printed(all.env), /set/);
    assert.match(printed(all.gone, "stderr"), /Cell magic `%%ts` not found/);
  });

  test(`${name}: two notebooks at once share nothing`, { skip }, async () => {
    const cell = (mine: string) => ({
      load: { run: loadMagic },
      set: { run: `%%ts\nconst who = "${mine}";` },
      get: { run: "%ts_get who\nprint(who)" },
      end: { end: "shutdown" },
    });
    const place = await workPlace();
    const [a, b] = await Promise.all([drive(environment, place, cell("a")), drive(environment, place, cell("b"))]);
    assert.deepEqual([printed(a.get), printed(b.get)], ["a\n", "b\n"]);
    assert.ok(a.end.gone && b.end.gone);
  });
}

/** A folder in which cells find the package, under a path short enough for sockets. */
async function workPlace(): Promise<string> {
  return scratch("m");
}

function median(timed: Result): string {
  return medianMs(timed.seconds as unknown as number[]);
}

function medianMs(seconds: readonly number[]): string {
  const sorted = [...seconds].sort((x, y) => x - y);
  return ((sorted[Math.floor(sorted.length / 2)] as number) * 1000).toFixed(0);
}

/** What the same trivial cell costs without Python, by this project's own runner, on this machine now. */
async function kernelAlone(): Promise<string> {
  const kernel = await startKernel({ cwd: root });
  try {
    const seconds: number[] = [];
    for (let i = 0; i < 30; i++) seconds.push((await kernel.execute("const tiny = 1;")).seconds);
    return medianMs(seconds);
  } finally {
    await kernel.shutdown();
  }
}

/** The magic and this project's own runner tell a failure in the same words; only the lines differ, by that of `%%ts`. */
async function sameFailures(results: Readonly<Record<string, Result>>): Promise<void> {
  const kernel = await startKernel({ cwd: root });
  try {
    for (const [key, code] of Object.entries(failing)) {
      const { failure } = await kernel.execute(`\n${code}`);
      const { status, ename, evalue, outputs } = results[key] as Result;
      assert.deepEqual([status, ename], ["error", "TypeScriptError"], key);
      assert.equal(evalue, failure, key);
      const shown = outputs.find((output) => output.type === "error");
      assert.equal(shown?.evalue, failure, "batch runners look for an error among the outputs");
    }
  } finally {
    await kernel.shutdown();
  }
}
