/** A manifest of any version and writer, under one set of names. Null: the file does not say. */
export interface SummaryView {
  readonly schemaVersion: string;
  /** Older versions whose readers can use the file. */
  readonly legacy: readonly string[];
  readonly collection: string | null;
  readonly chunkCount: number | null;
  /** As written: ISO 8601, with or without a time zone. */
  readonly generatedAt: string | null;
  readonly toggles: ToggleView;
  readonly dense: DenseView | null;
  readonly sparse: SparseView | null;
  readonly rerank: RerankView | null;
  readonly spans: Readonly<Record<string, SpanView>>;
  readonly warnings: readonly string[];
  readonly artefacts: readonly {
    readonly path: string;
    readonly role: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
  /** The file as it was, with all that has no place here. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Which stages were on, and who decided. */
export interface ToggleView {
  readonly enableRerank: boolean | null;
  readonly enableSparse: boolean | null;
  readonly sparseModels: readonly string[];
  readonly sources: Readonly<Record<string, string>>;
}

/** The dense stage. */
export interface DenseView {
  readonly runId: string | null;
  /** As the file counts them: the oldest shape counts every model's vectors. */
  readonly embeddings: number | null;
  readonly dimension: number | null;
  readonly models: readonly string[];
  readonly device: string | null;
  readonly seconds: number | null;
}

/** The sparse stage. */
export interface SparseView {
  readonly runId: string | null;
  readonly models: readonly string[];
  readonly total: number | null;
  readonly available: number | null;
  readonly coverage: number | null;
  readonly fallbackUsed: boolean | null;
  readonly fallbackCount: number | null;
  readonly devices: Readonly<Record<string, string>>;
}

/** The rerank stage. */
export interface RerankView {
  readonly runId: string | null;
  readonly model: string | null;
  readonly executed: boolean | null;
  /** `executed`, `disabled`, `error`, `pending`, ... */
  readonly status: string | null;
  readonly device: string | null;
  readonly latencyMs: number | null;
  readonly candidateIds: readonly string[];
  readonly scores: readonly number[];
  readonly fallbackCount: number | null;
  readonly fallbackReason: string | null;
}

/** A span by name. */
export interface SpanView {
  readonly spanId: string | null;
  readonly status: string | null;
  readonly reason: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
}
