/** How onnxruntime, CUDA and its libraries say that a device's memory, or the processor's, did not do. */
const WORDS =
  /failed to allocate memory for requested buffer|cuda failure 2\b|cudaerrormemoryallocation|out of memory|cublas_status_alloc_failed|cudnn_status_\w*alloc_failed|std::bad_alloc|bad allocation|vk_error_out_of_(?:device|host)_memory/i;

/** Whether an error's words mean that memory did not do: a smaller batch may then fit, which helps against no other error. */
export function isOutOfMemory(words: string): boolean {
  return WORDS.test(words);
}
