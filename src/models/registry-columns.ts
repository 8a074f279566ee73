import type { ModelCard } from "../schema/model-types.js";

/** Columns that most rows share. */
export const usual = {
  revision: null,
  onnx: null,
  externalData: {},
  matryoshka: [],
  queryPrefix: "",
  documentPrefix: "",
  commercialUse: true,
  remark: "",
} satisfies Partial<ModelCard>;

/** File names of the exports made for transformers.js. */
export const threeDtypes = {
  fp32: "onnx/model.onnx",
  fp16: "onnx/model_fp16.onnx",
  int8: "onnx/model_quantized.onnx",
};

/** What the three models in `notebooks/sample/models` have in common. */
export const sample = {
  ...usual,
  onnx: { fp32: "onnx/model.onnx" },
  maxTokens: 256,
  licence: "MIT",
  remark: "A small sample, trained on little text to show the method. Not a model for work.",
};

/** The query prefix of BGE's English models, which others took over. */
export const searchPrefix = "Represent this sentence for searching relevant passages: ";

/** The remark of a model that its operator has to bring. */
export const noExport = (how: string) =>
  `No complete ONNX export is known. Export it (${how}) or find one, put the files in a folder named as the key, and pass a row in addModels whose onnx names the file. A row may also name another repository in hubId.`;
