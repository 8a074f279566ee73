import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { type CodeBlock, pageNames, readPage, root } from "./pages.ts";

const run = promisify(execFile);

/** What the cells before a block have made, as a reader of the page has it. A block that makes one itself shadows nothing. */
const made: Readonly<Record<string, string>> = {
  session: "rag.Session",
  chunks: "rag.ChunkRun",
  dense: "rag.DenseRun",
  sparse: "rag.SparseRun | rag.Skipped",
  queries: "rag.QuerySet",
  fused: "rag.FusedRun",
  ranked: "rag.RerankRun | rag.Skipped",
  collection: "rag.ExportRun",
};

/** A block as a module of one line more than it has itself, so that its lines can be told. */
function moduleOf(code: string): string {
  const has = (name: string) => new RegExp(`\\b(const|let|function)\\s+${name}\\b`).test(code);
  const names = Object.keys(made).filter((name) => !has(name));
  const prelude = names.map((name) => `declare const ${name}: ${made[name]};`);
  const imported = /^import \* as rag from "rag-cells";$/m.test(code) ? [] : ['import * as rag from "rag-cells";'];
  return `${[...imported, ...prelude, "export {};"].join(" ")}\n${code}\n`;
}

/** Compiles blocks against the built package, in a folder that belongs to it; returns the compiler's complaints by name and line. */
async function compile(blocks: readonly (CodeBlock & { readonly page: string })[]): Promise<string[]> {
  await mkdir(join(root, ".cache"), { recursive: true });
  const folder = await mkdtemp(join(root, ".cache", "docs-code-"));
  try {
    for (const [i, { code }] of blocks.entries()) await writeFile(join(folder, `block${i}.ts`), moduleOf(code));
    const compilerOptions = {
      target: "es2023",
      lib: ["es2023"],
      module: "nodenext",
      moduleResolution: "nodenext",
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const output = await run(process.execPath, [tsc, "-p", folder, "--pretty", "false"]).then(
      () => "",
      (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ""}${error.stderr ?? ""}`,
    );
    return output
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) =>
        line.replace(/^.*block(\d+)\.ts\((\d+),\d+\)/, (_, i, at) => {
          const block = blocks[Number(i)];
          return `${block?.page}:${(block?.line ?? 0) + Number(at) - 2}`;
        }),
      );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("every ts block of the pages compiles against the built package", async () => {
  const blocks = pageNames
    .flatMap((page) => readPage(page).blocks.map((block) => ({ ...block, page })))
    .filter(({ language }) => language === "ts");
  assert.ok(blocks.length >= 10, `${blocks.length} blocks were found`);
  assert.deepEqual(await compile(blocks), []);
});

test("no block has a for await that tslab refuses: it wants a plain await beside it, outside of functions", () => {
  const refused = pageNames.flatMap((page) =>
    readPage(page)
      .blocks.filter(
        ({ language, code }) =>
          language === "ts" && /^for await/m.test(code) && !/^(?!for )(?:\S.*\b)?await \w/m.test(code),
      )
      .map(({ line }) => `${page}:${line}`),
  );
  assert.deepEqual(refused, []);
});

test("a block that calls what is not there is named by page and line", async () => {
  const complaints = await compile([
    { page: "x.md", language: "ts", line: 7, code: "const a = 1;\nawait rag.chunkk(session, {});" },
  ]);
  assert.equal(complaints.length, 1);
  assert.match(complaints[0] as string, /^x\.md:8: error TS\d+:.*chunkk/);
});
