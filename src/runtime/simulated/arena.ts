/** Takes bytes from the device; false where it has not so many left. */
export type TakeBytes = (bytes: number) => boolean;

/** The memory that a session holds on a device and hands out to the buffers of its batches. */
export interface Arena {
  /** Bytes taken from the device. */
  readonly heldBytes: number;
  /** Bytes handed out. */
  readonly usedBytes: number;
  /**
   * Hands out a buffer.
   *
   * @throws RangeError in onnxruntime's words
   */
  allocate(bytes: number): void;
  /** Takes all buffers back. The device gets nothing: an arena never shrinks. */
  reset(): void;
}

interface Region {
  readonly bytes: number;
  used: number;
}

/** Buffers begin at multiples of this. */
const ALIGNMENT = 256;
const FIRST_REGION = 2 ** 20;
const LARGEST_STEP = 2 ** 30;

/**
 * An arena as onnxruntime's with its default strategy: each region that it takes from the device is twice as large as the
 * one before, up to a gibibyte, or the next power of two that holds the buffer. Where the device has
 * not that much, it asks for a tenth less, again and again, down to the buffer's own size. A buffer lies within one region.
 */
export function openArena(take: TakeBytes): Arena {
  const regions: Region[] = [];
  let step = FIRST_REGION;

  const extend = (bytes: number): Region => {
    let grown = false;
    while (bytes > step) {
      step *= 2;
      grown = true;
    }
    let size = step;
    if (!grown) step = step < LARGEST_STEP / 2 ? step * 2 : LARGEST_STEP;
    while (!take(size)) {
      if (size === bytes) throw new RangeError(allocationFailed(bytes));
      size = Math.max(bytes, aligned(size * 0.9 - ALIGNMENT));
    }
    const region = { bytes: size, used: 0 };
    regions.push(region);
    return region;
  };

  return {
    get heldBytes() {
      return regions.reduce((sum, region) => sum + region.bytes, 0);
    },
    get usedBytes() {
      return regions.reduce((sum, region) => sum + region.used, 0);
    },
    allocate(wanted) {
      const bytes = aligned(wanted);
      const fitting = regions.filter((region) => region.bytes - region.used >= bytes);
      const tightest = fitting.sort((a, b) => a.bytes - a.used - (b.bytes - b.used))[0];
      (tightest ?? extend(bytes)).used += bytes;
    },
    reset() {
      for (const region of regions) region.used = 0;
    },
  };
}

function aligned(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
}

/** How onnxruntime's arena says that the device has no memory left. */
export function allocationFailed(bytes: number): string {
  return `Non-zero status code returned while running MatMul node. Name:'/encoder/layer.0/attention/self/MatMul' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size ${bytes}`;
}
