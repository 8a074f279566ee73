import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { random } from "../lib/random.ts";
import { sampleOptions, scratch } from "../lib/sample.ts";
import { type Made, tar, tgz, zip } from "../models-room/archives.ts";
import type { Move } from "./move-child.ts";
import { filesBelow, tinySession, tinySessionPack, zipFile } from "./sessions.ts";

const MIB = 2 ** 20;
const JOURNAL = "runs/dense/dense-0123456789abcdef.partial/sample-dense.journal";
const mover = join(import.meta.dirname, "move-child.ts");

/** Options to open a pack in a new folder, under the name it has. */
async function from(path: string, root?: string): Promise<rag.MovedSessionOptions> {
  const { name: _, ...options } = sampleOptions(root ?? (await scratch("there")));
  return { ...options, from: path };
}

/** Opens it, and gives what the session's folder then holds. */
async function opened(path: string): Promise<Map<string, Buffer>> {
  const session = await rag.openSession(await from(path));
  session.close();
  return filesBelow(session.dir);
}

/** The pack is refused for this reason, and nothing is left where the session would be. */
async function refused(pack: readonly Made[] | Buffer | string, ...words: string[]): Promise<void> {
  const path = typeof pack === "string" ? pack : await zipFile(pack as Made[]);
  const options = await from(path);
  await assert.rejects(rag.openSession(options), (error: rag.RagError) => {
    assert.equal(error.code, "bad_session_pack", error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message}\ndoes not say ${word}`);
    return true;
  });
  assert.deepEqual(readdirSync(options.dir as string), [], words.join());
}

const digest = (data: string) => createHash("sha256").update(data).digest("hex");

/** The tiny session's content in a folder, as an unpacked upload has it. */
async function unpacked(entries: readonly Made[] = tinySessionPack(), below = ""): Promise<string> {
  const dir = await scratch("unpacked");
  for (const { name, data = "" } of entries) {
    const place = join(dir, below, name);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, data);
  }
  return dir;
}

test("zip and folder, with one or two folders around or none, or a folder with the zip: all give the session", async () => {
  const entries = tinySessionPack();
  const around = (top: string): Made[] => [
    { name: `${top}/`, mode: 0o040755 },
    ...entries.map((entry) => ({ ...entry, name: `${top}/${entry.name}` })),
  ];
  const zipped = await zipFile(entries);
  for (const [what, path] of [
    ["zip", zipped],
    ["zip of stored entries", await zipFile(entries.map((entry) => ({ ...entry, method: 0, mode: 0o100600 })))],
    ["zip with a folder around", await zipFile(around("tiny"))],
    ["zip with two", await zipFile(around("a/b"))],
    ["tar.gz", await zipFile(await tgz(entries))],
    ["folder", await unpacked()],
    ["a folder deeper", await unpacked(entries, "tiny.session")],
    ["two folders deeper", await unpacked(entries, "a/b")],
    ["folder with the zip", dirname(zipped)],
    ["without the file of no bytes", await zipFile(entries.filter(({ name }) => name !== "history.jsonl"))],
  ] as const) {
    const files = await opened(path);
    assert.deepEqual([...files.keys()].sort(), Object.keys(tinySession).sort(), what);
    assert.equal(String(files.get(JOURNAL)), tinySession[JOURNAL], what);
    assert.equal(files.get("history.jsonl")?.length, 0, what);
    const { name, origin } = JSON.parse(String(files.get("session.json")));
    assert.deepEqual([name, origin.session, origin.pack.length], ["tiny", "tiny", 64]);
  }
});

test("opened again it is as it is now; under another name it is another session", async () => {
  const root = await scratch("there");
  const path = await zipFile(tinySessionPack());
  const options = await from(path, root);
  (await rag.openSession(options)).close();
  writeFileSync(join(root, "tiny/history.jsonl"), "done since\n");
  const again = await rag.openSession(options);
  assert.equal(readFileSync(join(root, "tiny/history.jsonl"), "utf8"), "done since\n");
  assert.equal((await rag.openSession(options)).dir, again.dir, "while it is open, too");
  const other = await rag.openSession({ ...options, name: "other" });
  assert.equal(readFileSync(join(other.dir, "history.jsonl"), "utf8"), "");
  assert.equal(JSON.parse(readFileSync(join(other.dir, "session.json"), "utf8")).name, "other");
  // The folder with the same content is the same pack.
  (await rag.openSession({ ...options, from: await unpacked() })).close();
  assert.deepEqual(readdirSync(root).sort(), ["other", "tiny"]);
});

test("another session of that name: refused with both, nothing changed, and the ways out", async () => {
  const root = await scratch("taken");
  const path = await zipFile(tinySessionPack());
  const options = await from(path, root);
  const mine = await rag.openSession({ ...options, name: "mine", from: undefined } as never as rag.SessionOptions);
  const before = readFileSync(join(mine.dir, "session.json"), "utf8");
  await assert.rejects(rag.openSession({ ...options, name: "mine" }), {
    code: "session_taken",
    message: /there is session "mine", begun there;.*holds session "tiny", packed at 2026.*leave from out.*"mine-2"/s,
  });
  assert.equal(readFileSync(join(mine.dir, "session.json"), "utf8"), before);
  (await rag.openSession(options)).close();
  const later = await zipFile(tinySessionPack(tinySession, (m) => ({ ...m, packedAt: "2026-11-28T00:00:00.000Z" })));
  await assert.rejects(rag.openSession({ ...options, from: later }), {
    code: "session_taken",
    message: /from the pack of session "tiny" of "2026-11-27.*packed at 2026-11-28/s,
  });
  mkdirSync(join(root, "notes"));
  (await rag.openSession({ ...options, name: "notes" })).close();
  mkdirSync(join(root, "papers"));
  writeFileSync(join(root, "papers/mine.txt"), "mine");
  await assert.rejects(rag.openSession({ ...options, name: "papers" }), { code: "folder_taken", message: /mine\.txt/ });
  writeFileSync(join(root, "file"), "mine");
  await assert.rejects(rag.openSession({ ...options, name: "file" }), { code: "folder_taken" });
  writeFileSync(join(root, "tiny/session.json"), '{"schema":"rag-cells/session@7","name":"\u001b[31m"}');
  await assert.rejects(rag.openSession(options), { code: "session_taken", message: /can't read/ });
  assert.deepEqual(readdirSync(root).sort(), ["file", "mine", "notes", "papers", "tiny"]);
});

test("what is not there, and what can't be said", async () => {
  const options = await from("/nowhere/x.session.zip");
  await assert.rejects(rag.openSession(options), {
    code: "session_pack_missing",
    message: /\/nowhere.*\/kaggle\/input/s,
  });
  const root = await scratch("there");
  const path = await zipFile(tinySessionPack());
  (await rag.openSession({ ...(await from(path, root)), name: "tiny" })).close();
  rmSync(path);
  await assert.rejects(rag.openSession({ ...(await from(path, root)), name: "tiny" }), {
    code: "session_pack_missing",
    message: /already in.*leave from out/s,
  });
  await assert.rejects(rag.openSession({ ...options, from: "" }), { code: "bad_option" });
  await assert.rejects(rag.openSession({ ...options, name: "../x" }), { code: "bad_session_name" });
  await assert.rejects(rag.openSession({ dir: root } as never), { code: "bad_session_name" });
  await refused(await scratch("empty"), "neither a session-pack.json nor a zip");
  const two = await unpacked(tinySessionPack(), "a");
  mkdirSync(join(two, "b"));
  writeFileSync(join(two, "b/session-pack.json"), "{}");
  await refused(two, "there are several in it");
  await refused("/dev/null", "no plain file");
});

test("paths that leave the folder, in any spelling, in entries and in the manifest", async () => {
  for (const [name, words] of [
    ["../evil", "leads out"],
    ["runs/../../evil", "leads out"],
    ["/etc/evil", "absolute path"],
    ["C:evil", "drive letter"],
    ["runs\\..\\evil", "backslash"],
    ["runs/\u0000evil", "control characters"],
    ["runs/\u001b[31mevil", "control characters"],
  ] as const) {
    await refused([...tinySessionPack(), { name, data: "x" }], words);
    await refused(
      tinySessionPack({ ...tinySession, [name]: "x" }).filter((entry) => entry.name !== name),
      "lists",
      words,
    );
  }
  for (const name of [
    ".hidden",
    "runs//x",
    "runs/./x",
    "session.lock",
    "session.lock.1.stale",
    "x/".repeat(3) + "y".repeat(256),
  ])
    await refused(
      tinySessionPack({ ...tinySession, [name]: "x" }).filter((entry) => entry.name !== name),
      "lists",
    );
  await refused(tinySessionPack({ ...tinySession, runs: "a file" }), "is a file");
  await refused(tinySessionPack({ ...tinySession, "HISTORY.jsonl": "x" }), "upper and lower case");
  await refused(tinySessionPack({ "history.jsonl": "" }), "no session.json");
});

test("links, devices, encrypted entries, unread compression; links in a folder", async () => {
  const name = "runs/x";
  for (const [mode, words] of [
    [0o120777, "is a link"],
    [0o020666, "is a device or a pipe"],
    [0o010644, "is a device or a pipe"],
  ] as const)
    await refused([...tinySessionPack(), { name, data: "/etc/passwd", mode }], "runs/x", words);
  await refused([...tinySessionPack(), { name, data: "x", flags: 1 }], "encrypted");
  await refused([...tinySessionPack(), { name, data: "x", method: 12 }], "not read (12)");
  await refused(await tar([...tinySessionPack(), { name, type: "symlink" }]), "is a link");
  const dir = await unpacked();
  rmSync(join(dir, "session.json"));
  symlinkSync("/etc/passwd", join(dir, "session.json"));
  await refused(dir, "session.json", "is a link");
  const linked = await unpacked();
  rmSync(join(linked, "runs"), { recursive: true });
  symlinkSync("/", join(linked, "runs"));
  await refused(linked, "runs", "is a link");
});

test("what the manifest does not list, lists otherwise, or lacks", async () => {
  const pack = tinySessionPack();
  const without = (name: string) => pack.filter((entry) => entry.name !== name);
  await refused([...pack, { name: "setup.py", data: "import os" }], '"setup.py"', "not in its session-pack.json");
  await refused([...without(JOURNAL), { name: JOURNAL, data: "NOT much of a journal" }], JOURNAL, "altered or damaged");
  await refused([...without(JOURNAL), { name: JOURNAL, data: "short" }], JOURNAL, "has 5 bytes");
  await refused(without(JOURNAL), "lacks", JOURNAL);
  await refused([...pack, pack[0] as Made], "comes twice");
  await refused([...pack, { name: "Session.json", data: "x" }], "comes twice");
  await refused(without("session-pack.json"), "no session-pack.json");
  await refused([...pack, { name: "x/session-pack.json", data: "{}" }], "second manifest");
  await refused(
    [...without("session-pack.json"), { name: "x/session-pack.json", data: pack.at(-1)?.data ?? "" }],
    "not in its",
  );
  const dir = await unpacked();
  writeFileSync(join(dir, "more.txt"), "x");
  await refused(dir, "more.txt", "not in its");
  const altered = await unpacked();
  writeFileSync(join(altered, JOURNAL), String(tinySession[JOURNAL]).toUpperCase());
  await refused(altered, "altered or damaged");
});

test("manifests: no JSON, a newer schema, hostile values", async () => {
  const manifest = (change: (m: Record<string, unknown>) => Record<string, unknown>) =>
    tinySessionPack(tinySession, change);
  const text = (data: string) => [...tinySessionPack().slice(0, -1), { name: "session-pack.json", data }];
  await refused(text("{"), "is no JSON");
  await refused(text("null"), "can't be used");
  await refused(text("[".repeat(100_000)), "is no JSON");
  await refused(
    manifest((m) => ({ ...m, schema: "rag-cells/session-pack@2" })),
    "session-pack@2",
    "or a later one",
  );
  await refused(
    manifest((m) => ({ ...m, session: "../../x" })),
    "session",
  );
  await refused(
    manifest((m) => ({ ...m, packedAt: "\u001b[31m" })),
    "packedAt",
  );
  await refused(
    manifest((m) => ({ ...m, files: [{ path: "x", bytes: -1, sha256: digest("") }] })),
    "bytes",
  );
  await refused(
    manifest((m) => ({ ...m, files: [{ path: "x", bytes: 1e300, sha256: digest("") }] })),
    "bytes",
  );
  const listed = (m: Record<string, unknown>) =>
    (m["files"] as { bytes: number; sha256: string }[]).map((file) => ({ ...file }));
  await refused(
    manifest((m) => ({
      ...m,
      files: listed(m).map((file) => (file.bytes === 0 ? { ...file, sha256: digest("x") } : file)),
    })),
    "history.jsonl",
    "altered",
  );
});

test("bombs: more than is declared, less, entries that share their bytes, too much for the disk", async (t) => {
  const bomb = Buffer.alloc(64 * MIB);
  const [session, history, , manifest] = tinySessionPack() as [Made, Made, Made, Made];
  const bytes = Buffer.byteLength(tinySession[JOURNAL]);
  for (const method of [8, 0])
    await refused(
      [session, history, { name: JOURNAL, data: bomb, declares: bytes, method }, manifest],
      `more than the ${bytes}`,
    );
  await refused(
    [session, history, { name: JOURNAL, data: "short", declares: bytes }, manifest],
    `after 5 of the ${bytes}`,
  );
  await refused([session, { name: "session-pack.json", data: bomb, declares: 100 }], "more than the 100");
  await refused([session, { name: "session-pack.json", data: "{}", declares: 65 * MIB }], "at most 67108864");
  const claims = { name: JOURNAL, data: "x", declares: 1 << 30 };
  await refused([session, history, claims, manifest], "more than a file of");
  const disk = await tmpfs(t, "size=1m");
  if (!disk) return;
  const noise = Buffer.from(Buffer.alloc(4 * MIB).map((_, i) => (i * 2654435761) >>> 13));
  const large = await zipFile(tinySessionPack({ ...tinySession, [JOURNAL]: noise }));
  await assert.rejects(rag.openSession(await from(large, disk.dir)), {
    code: "disk_too_small",
    message: /Session tiny/,
  });
  assert.deepEqual(readdirSync(disk.dir), []);
  disk.remount("ro");
  await assert.rejects(rag.openSession(await from(await zipFile(tinySessionPack()), disk.dir)), {
    code: "store_write_failed",
    message: /read-only/,
  });
});

test("cut off anywhere: refused", async () => {
  for (const make of [zip, tgz]) {
    const bytes = await make(tinySessionPack());
    for (let i = 0; i < 12; i++) await refused(bytes.subarray(0, Math.floor((bytes.length * i) / 12)));
  }
  await refused(Buffer.from("not a zip"), "no zip file");
});

test("200 packs with flipped bytes: the right bytes or none", async (t) => {
  const next = random(20261127);
  const folder = await scratch("flipped");
  const path = join(folder, "pack.zip");
  const root = await scratch("flipped-root");
  let whole = 0;
  for (let round = 0; round < 200; round++) {
    const bytes = zip(tinySessionPack());
    for (let flips = 1 + Math.floor(next() * 3); flips > 0; flips--) {
      const at = Math.floor(next() * bytes.length);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(next() * 8)), at);
    }
    writeFileSync(path, bytes);
    const name = `round${round}`;
    const session = await rag.openSession({ ...(await from(path, root)), name }).catch((error: rag.RagError) => error);
    if (session instanceof Error) {
      assert.equal((session as rag.RagError).code, "bad_session_pack", `round ${round}: ${session.message}`);
      assert.ok(!existsSync(join(root, name)));
      continue;
    }
    whole++;
    assert.equal(readFileSync(join(session.dir, JOURNAL), "utf8"), tinySession[JOURNAL]);
    session.close();
  }
  assert.deepEqual(
    readdirSync(root).filter((name) => !name.startsWith("round")),
    [],
  );
  t.diagnostic(`${whole} of 200 were opened, since the flips were where nothing is read`);
});

test("kill -9 at every name that is given: no session before the last one, and the next call makes it whole", async () => {
  const path = await zipFile(tinySessionPack());
  const killed = async (root: string, killAt: number) => {
    const move: Move = { options: await from(path, root), verb: "open", killAt };
    return spawnSync(process.execPath, [mover, JSON.stringify(move)], { encoding: "utf8" });
  };
  const names = Number((await killed(await scratch("kill"), 0)).stdout);
  assert.equal(names, Object.keys(tinySession).length + 2, "each file, session.json anew, and the folder");
  for (let at = 1; at <= names; at++) {
    const root = await scratch("kill");
    assert.equal((await killed(root, at)).signal, "SIGKILL");
    assert.ok(!existsSync(join(root, "tiny")), `after ${at}`);
    assert.ok(
      readdirSync(root).every((name) => name.startsWith(".")),
      readdirSync(root).join(),
    );
    const session = await rag.openSession(await from(path, root));
    assert.deepEqual(readdirSync(root), ["tiny"], "and what the killed one left is gone");
    assert.equal(readFileSync(join(session.dir, JOURNAL), "utf8"), tinySession[JOURNAL]);
    session.close();
  }
});

test("Stop ends the unpacking and leaves nothing; two at once are told of each other", async () => {
  const folder = await scratch("large");
  const data = join(folder, "zeros");
  writeFileSync(data, "");
  truncateSync(data, 100e6);
  const path = await zipFile(
    tinySessionPack({ ...tinySession, [JOURNAL]: readFileSync(data) }).map((entry) => ({ ...entry, method: 0 })),
  );
  const root = await scratch("stop");
  const options = await from(path, root);
  const running = rag.openSession(options);
  running.catch(() => {});
  await until(() => readdirSync(root).find((name) => name.endsWith(".unpacking")), "the unpacking to begin");
  process.kill(process.pid, "SIGINT");
  await assert.rejects(running, { code: "stopped", message: /Nothing of it was kept/ });
  assert.deepEqual(readdirSync(root), []);
  const move: Move = { options, verb: "open", killAt: 0 };
  const lock = join(root, ".tiny.unpacking.lock");
  writeFileSync(lock, JSON.stringify({ pid: 1, host: "elsewhere", started: "0" }));
  const refused = spawnSync(process.execPath, [mover, JSON.stringify(move)], { encoding: "utf8" });
  assert.match(refused.stderr, /session_in_use.*is unpacking session/s);
  rmSync(lock);
  (await rag.openSession(options)).close();
});

test("a run that names files outside of its folder is not read", async () => {
  const id = "sparse-0123456789abcdef";
  const run = {
    schema: "rag-cells/run@1",
    kind: "sparse",
    id,
    resumedBatches: 0,
    inputs: {},
    settings: {},
    notes: [],
    telemetry: { startedAt: "", finishedAt: "", seconds: 0, phases: {}, batches: [], memory: [] },
    vectors: [{ name: "bm25", vocabulary: "../../../../secret.txt" }],
  };
  const entry = {
    stage: "sparse",
    id,
    at: "2026-11-27T00:00:00.000Z",
    outcome: "computed",
    why: "",
    rows: 1,
    seconds: 1,
  };
  const pack = (vectors: unknown) =>
    zipFile(
      tinySessionPack({
        "session.json": tinySession["session.json"],
        "history.jsonl": `${JSON.stringify(entry)}\n`,
        [`runs/sparse/${id}/run.json`]: JSON.stringify({ ...run, vectors }),
      }),
    );
  for (const vectors of [
    [{ vocabulary: "../../../../secret.txt" }],
    [{ file: "/etc/passwd" }],
    [{ files: { indptr: "..\\x" } }],
    [{ file: ".." }],
  ]) {
    const session = await rag.openSession(await from(await pack(vectors)));
    await assert.rejects(rag.latest(session, "sparse"), { code: "run_damaged", message: /no name of a file/ });
    session.close();
  }
});
