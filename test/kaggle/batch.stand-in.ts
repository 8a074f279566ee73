import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../lib/sample.ts";
import { loadMagic } from "./lib/drive.ts";
import { environments, generations, run } from "./lib/environments.ts";
import { type Cell, codeCells, impossible, kagglePlace, notebook, standIn } from "./lib/stand-in.ts";

const BATCH = ["python", join(root, "kaggle/rag_cells_batch.py")];
const NBCONVERT = ["jupyter", "nbconvert", "--to", "notebook", "--execute"];
const ENGINES = ["nbconvert", "papermill"] as const;

const ends = {
  good: [
    "%%ts\nimport { writeFileSync } from 'node:fs';\nconst found = { where: process.cwd(), pid: process.pid };\nsetTimeout(() => { console.log('said late'); writeFileSync('late-' + process.pid, ''); }, 50); found.where",
    // The output is on its way when the file is there.
    "%ts_get found\nimport glob, time\nwhile not glob.glob(f\"late-{found['pid']}\"): time.sleep(0.05)\ntime.sleep(1)\nprint(found)",
  ],
  failing: ["%%ts\nconst half: number = 'one';"],
  killed: [
    "%%ts\nconsole.log('before'); await new Promise((sent) => setTimeout(sent, 500)); process.kill(process.pid, 'SIGKILL');",
  ],
  dead: ["print('before', flush=True)\nimport os, time; time.sleep(0.5); os.kill(os.getpid(), 9)"],
  stopped: [
    "%%ts\nimport { writeFileSync } from 'node:fs';\nconsole.log('before'); writeFileSync('going', ''); await new Promise(() => {});",
  ],
};

/** The one error that a run has left, as `name: message`; what was shown before it has to be there too. */
function errorIn(cells: readonly Cell[], index: number): string {
  const told = cells.map(({ outputs }) => outputs.filter(({ output_type }) => output_type === "error"));
  assert.deepEqual(
    told.map(({ length }) => length),
    cells.map((_, i) => (i === index ? 1 : 0)),
  );
  return `${told[index]?.[0]?.ename}: ${told[index]?.[0]?.evalue}`;
}

for (const environment of environments) {
  const { name, skip } = environment;

  test(`${name}: the stand-in has no network, no Node, an input that can't be written`, { skip }, async (t) => {
    const place = await kagglePlace();
    const script = `
for name in node npm npx; do command -v $name && echo "has $name"; done
python -c 'import socket; socket.create_connection(("192.0.2.1", 80), 2)' 2>&1 | tail -1
touch /kaggle/input/new 2>&1 || echo refused
touch /kaggle/working/new && pwd && cat /kaggle/input/doc.md | head -1
python -c 'import jupyter_client, ipykernel; print(jupyter_client.__version__, ipykernel.__version__)'
exit 7`;
    const ended = await standIn(environment, place, ["sh", "-c", script]);
    if (impossible(ended)) return t.skip(ended.stderr);
    assert.equal(ended.status, 7, ended.stderr);
    assert.doesNotMatch(ended.stdout, /has n/);
    assert.match(ended.stdout, /OSError.*unreachable/i);
    assert.match(ended.stdout, /Read-only file system\nrefused\n\/kaggle\/working\n# Bread\n/);
    assert.match(ended.stdout, name.startsWith("kaggle") ? /^7\.4\.9 6\.17\.1$/m : /^8\.\S+ 7\.\S+$/m);
    assert.ok(existsSync(join(place, "working/new")));
  });
}

for (const environment of generations) {
  const { name, skip } = environment;

  test(`${name}: nbconvert and papermill themselves tell a good run from a failed one`, { skip }, async (t) => {
    const place = await kagglePlace();
    await notebook(place, "good", [loadMagic, ...ends.good]);
    await notebook(place, "failing", [loadMagic, ...ends.failing]);
    const papermill = (file: string) =>
      standIn(environment, place, ["papermill", `${file}.ipynb`, `papermill-${file}.ipynb`, "-k", "python3"]);
    const nbconvert = (file: string) =>
      standIn(environment, place, [...NBCONVERT, `${file}.ipynb`, "--output", `nbconvert-${file}.ipynb`]);
    for (const good of await Promise.all([papermill("good"), nbconvert("good")])) {
      if (impossible(good)) return t.skip(good.stderr);
      assert.equal(good.status, 0, good.stderr);
    }
    for (const failed of await Promise.all([papermill("failing"), nbconvert("failing")])) {
      assert.equal(failed.status, 1);
      assert.match(failed.stderr, /TypeScriptError\S*: 2:7 - Type 'string' is not assignable to type 'number'/);
    }
    for (const engine of ENGINES) {
      const cells = await codeCells(place, `${engine}-good`);
      assert.match(JSON.stringify(cells[2]), /'where': '\/kaggle\/working'/, engine);
      assert.match(JSON.stringify(cells.slice(1)), /said late/, `${engine}: what came late is there`);
    }
    const left = ENGINES.map((engine) => existsSync(join(place, `working/${engine}-failing.ipynb`)));
    assert.deepEqual(left, [false, true], "nbconvert alone keeps nothing of a failed run");
  });

  test(`${name}: the runner says what it can't run, and leaves it alone`, { skip }, async () => {
    const cwd = join(await kagglePlace(), "working");
    await writeFile(join(cwd, "torn.ipynb"), '{"cells": [');
    const batch = async (...args: string[]) => {
      const { status, stderr } = await run(environment.python, [...BATCH.slice(1), ...args], { cwd });
      assert.equal(status, 2, stderr);
      return stderr;
    };
    assert.match(await batch("none.ipynb", "--to", "done.ipynb"), /^none\.ipynb was not run: .*No such file/m);
    assert.match(await batch("torn.ipynb", "--to", "done.ipynb"), /^torn\.ipynb was not run: .*JSON/m);
    assert.match(await batch("torn.ipynb", "--to", "torn.ipynb"), /is the notebook itself: name another file/);
    assert.deepEqual(readdirSync(cwd), ["torn.ipynb"]);
    assert.equal(readFileSync(join(cwd, "torn.ipynb"), "utf8"), '{"cells": [');
  });

  for (const engine of ENGINES)
    test(`${name}: the runner with ${engine}: right exit codes, and outputs saved however it ends`, {
      skip,
    }, async (t) => {
      const place = await kagglePlace();
      for (const [file, cells] of Object.entries(ends))
        await notebook(place, file, [file === "dead" ? "1" : loadMagic, ...cells, "print('never')"]);
      const command = (file: string) => [...BATCH, `${file}.ipynb`, "--to", `${file}-done.ipynb`, "--with", engine];
      const batch = async (file: string) => {
        const ended = await standIn(environment, place, command(file));
        return { ...ended, cells: impossible(ended) ? [] : await codeCells(place, `${file}-done`) };
      };
      const [failing, killed] = await Promise.all([batch("failing"), batch("killed")]);
      if (impossible(failing)) return t.skip(failing.stderr);
      assert.equal(failing.status, 1);
      assert.match(
        failing.stderr,
        /failing\.ipynb stopped at code cell 2 of 3 \(const half: number = 'one';\):\nTypeScriptError: 2:7 - Type/,
      );
      assert.match(errorIn(failing.cells, 1), /^TypeScriptError: 2:7 - Type 'string'/);
      assert.equal(killed.status, 1);
      assert.match(errorIn(killed.cells, 1), /^KernelEnded: The TypeScript kernel ended \(SIGKILL\)/);

      const stopping = `${command("stopped").join(" ")} & runner=$!
until [ -e going ]; do kill -0 $runner || exit 9; sleep 0.1; done
kill -TERM $runner; wait $runner`;
      const [dead, stopped] = await Promise.all([batch("dead"), standIn(environment, place, ["sh", "-c", stopping])]);
      assert.equal(dead.status, 1);
      assert.match(dead.stderr, /dead\.ipynb stopped at code cell 2 of 3 .*:\nDeadKernelError: /);
      assert.match(errorIn(dead.cells, 1), /^DeadKernelError: Kernel died/);
      assert.equal(stopped.status, 128 + 15, stopped.stderr);
      assert.match(stopped.stderr, /stopped\.ipynb was stopped by SIGTERM at code cell 2 of 3 /);
      const stoppedCells = await codeCells(place, "stopped-done");
      assert.match(errorIn(stoppedCells, 1), /^TypeScriptStopped: /);
      for (const cells of [killed.cells, dead.cells, stoppedCells]) {
        assert.match(JSON.stringify(cells[1]), /"before/, "what was shown before the end");
        assert.doesNotMatch(JSON.stringify(cells[2]?.outputs), /never/);
      }
    });
}
