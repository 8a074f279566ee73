import type { ModelShape } from "./device-types.js";

/** What a model is for. */
export type ModelRole = "dense" | "sparse" | "rerank";

/** How token states become one vector. */
export type Pooling = "mean" | "cls" | "last_token" | "splade" | "none";

/** A model as a row of data. */
export interface ModelCard {
  /** The name the operator uses. */
  readonly key: string;
  readonly role: ModelRole;
  /** Hub id of the repository that holds the ONNX files. */
  readonly hubId: string;
  /** Pinned commit, or null where the first prime resolves it. */
  readonly revision: string | null;
  /** ONNX file by dtype, or null where no ONNX export is known. */
  readonly onnx: Readonly<Record<string, string>> | null;
  /** External data files beside the ONNX files, by dtype. */
  readonly externalData: Readonly<Record<string, readonly string[]>>;
  /** Width of the output vectors; 1 for a cross-encoder, the vocabulary's size for a sparse one. */
  readonly dim: number;
  readonly matryoshka: readonly number[];
  readonly pooling: Pooling;
  /** Put before a query's text. */
  readonly queryPrefix: string;
  /** Put before a document's text. */
  readonly documentPrefix: string;
  /** Longest input in tokens, special tokens included. */
  readonly maxTokens: number;
  readonly parameters: number;
  /** SPDX id, or the licence's name. */
  readonly licence: string;
  readonly commercialUse: boolean;
  /** What an operator should know, such as how to bring an ONNX export. */
  readonly remark: string;
}

/** A model's file on disk. */
export interface LocatedFile {
  /** In the repository, with `/`. */
  readonly path: string;
  /** Absolute. */
  readonly place: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Whether a lock file says that these are the right bytes. */
  readonly locked: boolean;
}

/** A model whose files were found on disk. */
export interface LocatedModel {
  readonly card: ModelCard;
  /** The folder that holds the files, absolute. */
  readonly root: string;
  /** The same without a path of this machine: the name of the searched folder, and the way below it, with `/`. */
  readonly servedFrom: string;
  readonly revision: string;
  readonly dtype: string;
  /** Absolute paths. */
  readonly onnxFile: string;
  readonly externalData: readonly { readonly name: string; readonly path: string }[];
  readonly tokenizerFile: string;
  readonly tokenizerConfigFile: string;
  /** Every file: its path in the repository, and where it is. */
  readonly files: readonly LocatedFile[];
  /** sha256 over the files' own hashes. */
  readonly fingerprint: string;
  readonly maxTokens: number;
  /** What decides how much memory and time it takes. */
  readonly shape: ModelShape;
  /** Folders that come before it and were passed over, since they have the model in part or altered. */
  readonly passed: readonly { readonly folder: string; readonly problems: readonly string[] }[];
}
