import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { queryGpus, queryProcesses } from "../../../dist/runtime/devices/nvidia-smi.js";
import { envWith, fakeSmi, type SmiAnswers, T4S, UUIDS } from "../../lib/gpus.ts";

const smiOf = async (answers?: SmiAnswers) => {
  const bin = await fakeSmi(answers);
  return { command: "nvidia-smi", env: await envWith(bin) };
};

test("two T4s: memory in bytes, use as a share, nothing made up", async () => {
  const answer = await queryGpus(await smiOf());
  assert.deepEqual(answer, {
    kind: "told",
    rows: [0, 1].map((index) => ({
      index,
      uuid: UUIDS[index],
      product: "Tesla T4",
      memoryBytes: 15360 * 2 ** 20,
      usedBytes: ([3, 1203][index] as number) * 2 ** 20,
      utilisation: [0, 0.41][index],
      computeCapability: "7.5",
      driver: "560.35.03",
      split: false,
    })),
  });
});

test("what it does not know is null: [N/A], a split GPU, odd values, a name with commas and escapes", async () => {
  const gpus = [
    `0, ${UUIDS[0]}, 40960, [N/A], [N/A], 535.129.03, 8.0, Enabled, NVIDIA A100-SXM4-40GB`,
    "1, [Unknown Error], [Insufficient Permissions], [GPU requires reset], 4000, 5x5, eight, Disabled, \u001b[31mRed, \u202eand blue",
  ].join("\n");
  const answer = await queryGpus(await smiOf({ gpus }));
  assert.equal(answer.kind, "told");
  assert.deepEqual("rows" in answer && answer.rows.map(({ split, usedBytes }) => [split, usedBytes]), [
    [true, null],
    [false, null],
  ]);
  assert.deepEqual("rows" in answer && answer.rows[1], {
    index: 1,
    uuid: null,
    product: "[31mRed, and blue",
    memoryBytes: null,
    usedBytes: null,
    utilisation: null,
    computeCapability: null,
    driver: null,
    split: false,
  });
});

test("drivers without the newer fields are asked again without them", async () => {
  const script = `case "$1" in
*compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;;
*) echo "0, ${UUIDS[0]}, 15360, 3, 0, 418.67, Tesla T4" ;;
esac`;
  const answer = await queryGpus(await smiOf({ script }));
  assert.equal("rows" in answer && answer.rows[0]?.driver, "418.67");
  assert.equal("rows" in answer && answer.rows[0]?.computeCapability, null);
});

test("no GPU, no driver, no command, and what is no table", async () => {
  const told = async (answers: SmiAnswers) => queryGpus(await smiOf(answers));
  assert.deepEqual(await told({ script: "echo 'No devices were found'; exit 6" }), { kind: "told", rows: [] });
  const broken =
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.";
  assert.deepEqual(await told({ script: `echo "${broken}"; exit 9` }), { kind: "failed", words: broken });
  const mismatch = await told({
    script: 'echo "Failed to initialize NVML: Driver/library version mismatch" >&2; exit 18',
  });
  assert.equal("words" in mismatch && mismatch.words, "Failed to initialize NVML: Driver/library version mismatch");
  assert.deepEqual(await told({ gpus: `${T4S}\n<b>hello</b>\u001b]0;title\u0007` }), {
    kind: "failed",
    words: "it wrote what can't be read: <b>hello</b> ]0;title",
  });
  assert.equal((await told({ gpus: `-1, ${UUIDS[0]}, 1, 1, 1, 1, 1, 1, x` })).kind, "failed");
  assert.equal((await queryGpus({ command: "nvidia-smi", env: { PATH: "/nowhere" } })).kind, "absent");
  const crowd = await told({ script: "yes 0123456789 | head -c 30000000" });
  assert.equal(crowd.kind, "failed");
});

test("a damaged record of a board is a warning beside the rows; another code is an error in words, and never a row", async () => {
  const warning = "WARNING: infoROM is corrupted at gpu 0000:00:1E.0";
  const rows = `cat <<'END'\n${T4S}\n${warning}\nEND`;
  const told = await queryGpus(await smiOf({ script: `${rows}\nexit 14` }));
  assert.deepEqual("rows" in told && [told.rows.map(({ index }) => index), told.warnings], [[0, 1], [warning]]);
  for (const [script, words] of [
    [`${rows}\nexit 15`, warning],
    [`cat <<'END'\n${T4S}\nEND\nexit 15`, "exit code 15"],
    [
      `cat <<'END'\n${T4S}\nUnable to determine the device handle for GPU1: GPU is lost\nEND\nexit 15`,
      "Unable to determine the device handle for GPU1: GPU is lost",
    ],
  ] as const)
    assert.deepEqual(await queryGpus(await smiOf({ script })), { kind: "failed", words });
});

test("a command that is there and can't be started is not an absent one", async () => {
  const bin = await fakeSmi();
  chmodSync(join(bin, "nvidia-smi"), 0o644);
  const failed = await queryGpus({ command: "nvidia-smi", env: { PATH: bin } });
  assert.equal(failed.kind, "failed");
  assert.match("words" in failed ? failed.words : "", /EACCES/);
});

test("one that hangs is left behind, with what it has started", async () => {
  const smi = await smiOf({ script: "sleep 1000; echo never" });
  const answer = await queryGpus(smi, 0.2);
  assert.deepEqual(answer, { kind: "silent", words: "no answer within 0.2 s" });
});

test("processes on the GPUs, as far as they are told", async () => {
  const processes = [
    `${UUIDS[0]}, 4711, 1200, /usr/bin/python3`,
    `${UUIDS[0]}, 4712, [N/A], [Not Found]`,
    `${UUIDS[1]}, 1, 17, a, b\u001b[2J`,
  ].join("\n");
  const answer = await queryProcesses(await smiOf({ processes }));
  assert.deepEqual("rows" in answer && answer.rows, [
    { uuid: UUIDS[0], pid: 4711, usedBytes: 1200 * 2 ** 20, name: "/usr/bin/python3" },
    { uuid: UUIDS[0], pid: 4712, usedBytes: null, name: "[Not Found]" },
    { uuid: UUIDS[1], pid: 1, usedBytes: 17 * 2 ** 20, name: "a, b [2J" },
  ]);
  assert.deepEqual(await queryProcesses(await smiOf({ processes: "" })), { kind: "told", rows: [] });
});
