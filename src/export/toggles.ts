import type { FeatureToggles, ManifestToggleEvent } from "../schema/manifest.js";
import type { Provenance, Settings } from "../schema/settings-types.js";

/** The stages' defaults, as the lines for people quote them. */
const DEFAULTS = { enable_rerank: true, enable_sparse: true } as const;

/**
 * `feature_toggles` of the manifest, from a session's settings and their sources.
 * The lines are worded as the reference's: `enable_sparse: false (override via env; default true)`.
 */
export function togglesOf(
  settings: Pick<Settings, "enableRerank" | "enableSparse" | "sparse">,
  provenance: Pick<Provenance, "enableRerank" | "enableSparse" | "sparse">,
): FeatureToggles {
  const events: ManifestToggleEvent[] = [
    { key: "enable_rerank", value: settings.enableRerank, ...provenance.enableRerank },
    { key: "enable_sparse", value: settings.enableSparse, ...provenance.enableSparse },
    { key: "sparse_models", value: settings.sparse, ...provenance.sparse },
  ];
  if (!settings.enableSparse) {
    events.push({ key: "sparse_models", value: [], source: "normalization", layer: "post-processing" });
  }
  return {
    enable_rerank: settings.enableRerank,
    enable_sparse: settings.enableSparse,
    sparse_models: settings.enableSparse ? [...settings.sparse] : [],
    sources: Object.fromEntries(events.map(({ key, source }) => [key, source])),
    provenance: events,
    provenance_lines: events.map(line),
  };
}

function line({ key, value, source }: ManifestToggleEvent): string {
  const shown = `${key}: ${show(value)}`;
  if (source === "default") return `${shown} (default)`;
  const standard = DEFAULTS[key as keyof typeof DEFAULTS];
  if (standard === undefined) return `${shown} (override via ${source})`;
  return `${shown} (override via ${source}; ${standard === value ? "matched default" : `default ${standard}`})`;
}

function show(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? "[]" : value.join(", ");
}
