import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root, sampleModels, scratch } from "../lib/sample.ts";
import { environments, run } from "./lib/environments.ts";

const load = `import sys
sys.path.insert(0, ${JSON.stringify(join(root, "kaggle"))})
import rag_cells_magic
rag_cells_magic.load()`;

/** The cells of an operator; the next session differs by where it comes from. */
const cells = (from: string) => [
  load,
  `%%ts
import * as rag from "rag-cells";
const session = await rag.openSession({ name: "handbook", modelDirs: [${JSON.stringify(sampleModels)}], dense: ["sample-dense"], sparse: ["bm25"], rerank: "sample-rerank", device: "cpu", offline: true${from} });
session`,
  `%%ts
const chunks = await rag.chunk(session, { files: "/kaggle/input/docs/*.md" });
chunks`,
  `%%ts
const dense = await rag.runDense(session, chunks);
dense`,
];

for (const environment of environments.filter(({ name }) => name !== "kaggle-py310")) {
  const { name, skip } = environment;

  test(`${name}: a batch run near the session's end fails with a packed session, and the next one goes on from it`, {
    skip,
  }, async (t) => {
    const place = await scratch("kaggle-session");
    for (const folder of ["input/docs", "input/my-notebook", "first", "second"])
      await mkdir(join(place, folder), { recursive: true });
    await writeFile(join(place, "input/docs/doc.md"), "# Bread\n\nFlour, water, salt and time.\n");
    const papermill = async (session: string, from: string, left: number) => {
      await writeNotebook(join(place, session, "in.ipynb"), cells(from));
      return run(
        join(root, "test/kaggle/stand-in.sh"),
        [
          environment.dir,
          join(place, "input"),
          join(place, session),
          "papermill",
          "in.ipynb",
          "out.ipynb",
          "-k",
          "python3",
        ],
        {
          env: {
            ...process.env,
            RAG_CELLS_SESSION_START: new Date(Date.now() - (12 * 3600 - left) * 1000).toISOString(),
          },
        },
      );
    };

    // Five minutes are left of Kaggle's twelve hours, and ten are the margin.
    const first = await papermill("first", "", 300);
    if (/unshare: unshare failed|^mount: .*permission denied/m.test(first.stderr)) return t.skip(first.stderr);
    assert.equal(first.status, 1, first.stderr);
    assert.match(
      first.stderr,
      /session_ending\]: The chunk stage was not begun: \d min \d\d s of the session's 12 h 00 min are left\. The session is packed in "\/kaggle\/working\/handbook\.session\.zip"/,
    );
    assert.deepEqual((await readdir(join(place, "first"))).sort(), [
      "handbook.session.zip",
      "in.ipynb",
      "out.ipynb",
      "rag-cells",
    ]);
    const saved = await readFile(join(place, "first/out.ipynb"), "utf8");
    assert.match(saved, / of 12 h left/, "the session's card");
    assert.match(saved, /of 20 GB in \/kaggle\/working/);

    await cp(join(place, "first/handbook.session.zip"), join(place, "input/my-notebook/handbook.session.zip"));
    const second = await papermill("second", ', from: "/kaggle/input/my-notebook"', 12 * 3600 - 60);
    assert.equal(second.status, 0, second.stderr);
    assert.match(await readFile(join(place, "second/out.ipynb"), "utf8"), /11 h 5\d min of 12 h left · GPU 0 of 30 h/);
  });
}

async function writeNotebook(path: string, sources: readonly string[]): Promise<void> {
  const metadata = { kernelspec: { name: "python3", display_name: "Python 3", language: "python" } };
  const cells = sources.map((source, i) => ({
    id: `cell-${i}`,
    cell_type: "code",
    execution_count: null,
    metadata: { tags: [] },
    outputs: [],
    source,
  }));
  await writeFile(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells }));
}
