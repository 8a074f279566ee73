import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Kit } from "../schema/kit-file.js";

/** In an unpacked folder; written last, and says what it holds. */
export const HOME_FILE = "rag-cells-home.json";

/**
 * Where a kit is unpacked unless a folder is named: beside what Kaggle does not keep,
 * elsewhere below the system's folder for temporary files. The Python bootstrap has the
 * same rule, so that each finds what the other unpacked.
 */
export function usualHome({ version, id }: Kit): string {
  const temporary = existsSync("/kaggle/tmp") ? "/kaggle/tmp" : tmpdir();
  return join(temporary, `rag-cells-${process.getuid?.() ?? 0}`, `${version}-${id}`);
}
