import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { type CudaLook, cudaChecks, cudaDevices, lookAtCuda } from "../../../dist/runtime/devices/cuda.js";
import { cudaLibraryPath } from "../../../dist/runtime/devices/library-path.js";
import type { SmiGpu } from "../../../dist/runtime/devices/nvidia-smi.js";
import { findProvider } from "../../../dist/runtime/devices/provider-file.js";
import { usableGpus } from "../../../dist/runtime/devices/resolve.js";
import { visibleGpus } from "../../../dist/runtime/devices/visible.js";
import { envWith, fakeProvider, fakeSmi, type SmiAnswers, T4S, UUIDS, writeScript } from "../../lib/gpus.ts";
import { scratch } from "../../lib/sample.ts";

const settings = { device: "cuda", gpus: null, memoryCapBytes: 12e9, simulation: "t4x2" } as const;
const provider = {
  path: "/p/libonnxruntime_providers_cuda.so",
  needed: ["libcudart.so.12", "libcudnn.so.9"],
  cuda: 12,
};

/** A look at two idle T4s with everything in place, and what a test changes of it. */
async function look(change: Partial<CudaLook> = {}, answers: SmiAnswers = {}): Promise<CudaLook> {
  const bin = await fakeSmi(answers);
  const seen = await lookAtCuda(await envWith(bin), null);
  return { ...seen, env: {}, provider, absent: [], ...change };
}

const missingOf = (seen: CudaLook, more: Partial<typeof settings> | { gpus: number[] } = {}) =>
  cudaChecks(seen, { ...settings, ...more })
    .filter(({ verdict }) => verdict === "missing")
    .map(({ name, said, remedy }) => `${name}: ${said}. ${remedy}`);

test("two T4s with everything in place: a device each, which sees that GPU alone", async () => {
  const seen = await look({ libraryPath: "/a/lib:/usr/local/cuda/lib64" });
  assert.deepEqual(missingOf(seen), []);
  const devices = usableGpus(seen, settings);
  assert.deepEqual(
    devices.map(({ name, product, memoryBytes, computeCapability, env, provider: { kind } }) => ({
      ...{ name, product, memoryBytes, computeCapability, env, kind },
    })),
    [0, 1].map((index) => ({
      name: `cuda:${index}`,
      product: "Tesla T4",
      memoryBytes: 15360 * 2 ** 20,
      computeCapability: "7.5",
      env: {
        CUDA_DEVICE_ORDER: "PCI_BUS_ID",
        CUDA_VISIBLE_DEVICES: UUIDS[index],
        LD_LIBRARY_PATH: "/a/lib:/usr/local/cuda/lib64",
      },
      kind: "cuda",
    })),
  );
});

test("gpus chooses by nvidia-smi's numbers, among those that CUDA_VISIBLE_DEVICES leaves", async () => {
  const seen = await look();
  const names = (env: Record<string, string>, gpus: number[] | null) =>
    cudaDevices({ ...seen, env }, { ...settings, gpus }).map(({ name }) => name);
  assert.deepEqual(names({}, [1]), ["cuda:1"]);
  assert.deepEqual(names({ CUDA_VISIBLE_DEVICES: "1,0" }, null), ["cuda:1", "cuda:0"]);
  assert.deepEqual(names({ CUDA_VISIBLE_DEVICES: "1" }, [1]), ["cuda:1"]);
  assert.deepEqual(missingOf({ ...seen, env: { CUDA_VISIBLE_DEVICES: "1" } }, { gpus: [0, 1] }), [
    "GPU: gpus names 0, and visible are 1. Correct the setting, or CUDA_VISIBLE_DEVICES",
  ]);
  assert.match(missingOf(seen, { gpus: [7] })[0] ?? "", /^GPU: gpus names 7, and visible are 0, 1/);
});

test("CUDA_VISIBLE_DEVICES is read as CUDA reads it", async () => {
  const { told } = await look();
  const all = "rows" in told ? told.rows : [];
  const other = [all[0], { ...all[1], product: "Quadro P400" }] as SmiGpu[];
  const seen = (list: string, gpus = all, order?: string) => {
    const answer = visibleGpus(gpus, { CUDA_VISIBLE_DEVICES: list, CUDA_DEVICE_ORDER: order });
    return "problem" in answer ? answer.problem.slice(0, 20) : answer.gpus.map(({ index }) => index).join();
  };
  assert.equal(seen("0,1"), "0,1");
  assert.equal(seen(" 1 "), "1");
  assert.equal(seen(`${UUIDS[1].slice(0, 12)},0`), "1,0", "the beginning of an id does");
  assert.equal(seen("0,9,1"), "0", "what stands behind the first that is no GPU is not seen");
  assert.equal(seen("0,-1,1"), "0");
  for (const nothing of ["", "-1", "GPU-", "none", "9", "0x1"]) assert.equal(seen(nothing), "", nothing);
  assert.equal(seen("0,0"), "it names a GPU twice");
  assert.equal(seen("MIG-5c3f9a2e"), "it names a part of a");
  assert.equal(seen("0", other), "it counts GPUs of di");
  assert.equal(seen("0", other, "PCI_BUS_ID"), "0");
  assert.equal(seen(UUIDS[1], other), "1");
});

test("each thing that stands in the way has a line and a remedy, and is an error for a stage", async () => {
  const gpu = (line: string) => look({}, { gpus: line });
  const first = async (seen: Promise<CudaLook>) => missingOf(await seen)[0] ?? "";
  assert.match(
    await first(look({}, { script: "echo 'No devices were found'; exit 6" })),
    /^GPU: nvidia-smi finds no GPU/,
  );
  assert.match(
    await first(look({}, { script: "echo 'NVIDIA-SMI has failed because'; exit 9" })),
    /NVIDIA-SMI has failed/,
  );
  const [a] = T4S.split("\n") as [string];
  assert.match(await first(gpu(a.replace("560.35.03", "470.161.03"))), /CUDA 12 needs driver 525 or later/);
  assert.match(await first(gpu(a.replace("7.5", "3.7"))), /too old: 5\.0 is needed/);
  assert.match(await first(gpu(a.replace("[N/A]", "Enabled"))), /split \(MIG\)/);
  assert.match(await first(gpu(a.replace(", 3,", ", 15000,"))), /only 0\.4 GB free\. End what else uses it/);
  assert.match(
    await first(look({ provider: null })),
    /^CUDA provider: .* not installed\. .*ONNXRUNTIME_NODE_INSTALL=cuda12/,
  );
  assert.match(
    await first(look({ absent: ["libcudnn.so.9"] })),
    /^CUDA libraries: libcudnn\.so\.9 not found\. pip install/,
  );
  const cuda13 = { ...provider, cuda: 13 };
  assert.match(await first(look({ provider: cuda13 })), /CUDA 13 needs driver 580/);
  assert.deepEqual(missingOf(await look({ provider: cuda13 }, { gpus: a.replace("560.35.03", "580.65.06") })), []);
  const seen = await look({ absent: ["libcudnn.so.9"] });
  assert.throws(() => usableGpus(seen, settings), {
    code: "device_not_usable",
    message:
      /^Device "cuda" can't be used\. CUDA libraries: libcudnn\.so\.9 not found\. pip install .* pass device: "cpu"/,
  });
});

test("a crowded GPU and its processes are worth a note, and no reason to fail", async () => {
  const processes = `${UUIDS[1]}, 4711, 1200, /usr/bin/python3`;
  const [a] = T4S.split("\n") as [string];
  const seen = await look(
    {},
    { processes, gpus: `${a}\n${a.replace("0,", "1,").replace(UUIDS[0], UUIDS[1]).replace(", 3,", ", 9000,")}` },
  );
  const notes = cudaChecks(seen, settings).filter(({ verdict }) => verdict === "note");
  assert.deepEqual(
    notes.map(({ name }) => name),
    ["GPU 1", "GPU 1, processes"],
  );
  assert.match(notes[0]?.said ?? "", /6\.7 GB free, memoryCapBytes is 12\.0 GB/);
  assert.match(notes[1]?.said ?? "", /^\/usr\/bin\/python3 \(4711, 1\.3 GB\)$/);
});

test("a GPU whose memory can't be watched is worth a note, and so is what nvidia-smi warns of", async () => {
  const [a, b] = T4S.split("\n") as [string, string];
  const seen = await look({}, { gpus: `${a.replace("15360, 3", "[N/A], [N/A]")}\n${b.replace(UUIDS[1], "[N/A]")}` });
  const { told } = seen;
  assert.equal(told.kind, "told");
  const notes = cudaChecks({ ...seen, told: { ...told, warnings: ["WARNING: worn"] } as CudaLook["told"] }, settings);
  assert.deepEqual(
    notes.filter(({ verdict }) => verdict === "note").map(({ name, said }) => [name, said.split("; ").at(-1)]),
    [
      ["GPU 0", "its memory can't be watched, so memoryCapBytes is planned for and not guarded"],
      ["GPU 1", "its memory can't be watched, so memoryCapBytes is planned for and not guarded"],
      ["nvidia-smi", "WARNING: worn"],
    ],
  );
  assert.deepEqual(missingOf(seen), []);
});

test("the library path: pip's packages nvidia-*, the system's folders, then what was there, none twice", async () => {
  const bin = await scratch("python");
  const packages = await scratch("packages");
  for (const name of ["cudnn/lib", "cublas/lib", "no-library"])
    mkdirSync(join(packages, "nvidia", name), { recursive: true });
  writeScript(join(bin, "python3"), `test "$PWD" = / && echo '${join(packages, "nvidia")}'`);
  const system = join(packages, "system");
  mkdirSync(system);
  const [cublas, cudnn] = ["cublas", "cudnn"].map((name) => join(packages, "nvidia", name, "lib"));
  const path = await cudaLibraryPath({ PATH: [bin, "/bin"].join(delimiter), LD_LIBRARY_PATH: `/mine::${cudnn}` }, [
    system,
    "/absent",
  ]);
  assert.deepEqual(path.split(":"), [cublas, cudnn, system, "/mine"]);
  assert.equal(await cudaLibraryPath({ PATH: "/nowhere" }, []), "");
});

test("the provider's file says which CUDA it needs; libraries are looked up on the child's path", async (t) => {
  const made = await fakeProvider();
  if (!made) return t.skip("there is no gcc to make libraries with");
  const found = findProvider(made.folder);
  assert.equal(found?.cuda, 12);
  assert.deepEqual(found?.needed.slice(0, 3), ["libcudart.so.12", "libcublas.so.12", "libcudnn.so.9"]);
  assert.equal(findProvider(await scratch("empty")), null);
  const bin = await fakeSmi();
  const without = await lookAtCuda(await envWith(bin), made.folder);
  assert.deepEqual(without.absent, ["libcudart.so.12", "libcublas.so.12", "libcudnn.so.9"]);
  const whole = await lookAtCuda(await envWith(bin, { LD_LIBRARY_PATH: made.libraries }), made.folder);
  assert.deepEqual([whole.absent, missingOf(whole)], [[], []]);
  const cuda13 = await fakeProvider(["libcudart.so.13", "libcudnn.so.9"]);
  assert.equal(findProvider(cuda13?.folder ?? null)?.cuda, 13);
  writeScript(join(made.folder, "libonnxruntime_providers_cuda.so"), "# no library at all".repeat(20));
  const damaged = await lookAtCuda(await envWith(bin), made.folder);
  assert.match(missingOf(damaged)[0] ?? "", /^CUDA provider: its file can't be read: it is no 64-bit library/);
});
