import type { SimulatedFault } from "../../schema/simulated-types.js";
import { allocationFailed } from "./arena.js";

/** What goes wrong at a batch; undefined where nothing does. */
export function faultAt(faults: readonly SimulatedFault[], batch: number): SimulatedFault | undefined {
  return faults.find((fault) => fault.kind !== "load_hang" && isAt(fault, batch));
}

/** Whether a model is never loaded, by its number. */
export function hangsAtLoad(faults: readonly SimulatedFault[], load: number): boolean {
  return faults.some((fault) => fault.kind === "load_hang" && isAt(fault, load));
}

function isAt({ batch, times = 1 }: SimulatedFault, number: number): boolean {
  return number >= batch && number < batch + times;
}

/** Ways in which a GPU and its libraries say that memory did not do, in turn. */
export function outOfMemoryWords(batch: number, bytes: number): string {
  const words = [
    allocationFailed(bytes),
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=168 ; expr=cublasCreate(&cublas_handle_);",
    "CUDA failure 2: out of memory ; GPU=0 ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_allocator.cc ; line=48 ; expr=cudaMalloc((void**)&p, size);",
  ];
  return words[batch % words.length] as string;
}

/** What every call says once a kernel has gone astray: the context is lost, and only a new process gets another. */
export const DEVICE_ERROR =
  "CUDA error 700: an illegal memory access was encountered ; GPU=0 ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=446 ; expr=cudaStreamSynchronize(static_cast<cudaStream_t>(stream_));";

/** Ends this process as native code does. */
export function crash(batch: number): void {
  if (batch % 2 === 1) process.abort();
  process.kill(process.pid, "SIGSEGV");
}
