"""The model cards (README.md of each folder), with the figures that were measured."""

from pathlib import Path

from folders import DENSE, RERANK, SPLADE, Kind

HEADER = """---
license: mit
language: en
library_name: {library}
pipeline_tag: {task}
tags:
- rag-cells
- sample
---

# {name}

{text}

**This is a sample, not a model for work.** It has a few minutes of training on two CPU cores and a few
thousand sections of software documentation behind it. It shows the method, and lets every stage
of rag-cells run offline on real weights. For real text take a real model.

"""

TEXTS = {
    DENSE: (
        "sentence-transformers",
        "sentence-similarity",
        "A bi-encoder: BERT of 2 layers, 128 wide, mean pooling over the real tokens, then L2 norm. Matryoshka: the\n"
        "first 64 or 32 numbers, normalised again, are vectors too. No prefixes for queries or documents.",
    ),
    SPLADE: (
        "transformers",
        "fill-mask",
        "A SPLADE encoder: the bi-encoder's body with a masked-LM head tied to the word embeddings. The weight of a word\n"
        "piece is `log(1 + relu(logit))`, its maximum over the real tokens; queries and documents go the same way.",
    ),
    RERANK: (
        "transformers",
        "text-ranking",
        "A cross-encoder with one logit. `[CLS] query [SEP] passage [SEP]` goes through the bi-encoder's body, trained on;\n"
        "the head compares each query token with the passage's tokens by cosine (see `InteractionHead` in\n"
        "`test/models/encoders.py`). A sigmoid of the logit reads as a share; rank by the logit itself.",
    ),
}

STEPS = {DENSE: "dense", SPLADE: "splade", RERANK: "rerank"}

ROWS = {
    "bm25": "BM25 (bm25s, English stems and stop words)",
    "dense": "rag-cells-sample-dense, cosine",
    "dense, first 64": "the same, first 64 numbers",
    "dense, first 32": "the same, first 32 numbers",
    "splade": "rag-cells-sample-splade, dot product",
    "fused": "both, reciprocal rank fusion",
    "reranked": "the fused first 20 by rag-cells-sample-rerank",
}


def figures(report: dict) -> str:
    lines = ["| on held-out sections | recall@10 | MRR@10 |", "|---|---|---|"]
    for name, label in ROWS.items():
        result = report["results"][name]
        lines.append(f"| {label} | {result['recall@10']:.3f} | {result['mrr@10']:.3f} |")
    return "\n".join(lines)


def card(kind: Kind, report: dict, training: dict) -> str:
    library, task, text = TEXTS[kind]
    step = training["steps"][STEPS[kind]]
    documents = ", ".join(f"{count} {name}" for name, count in step["documents"].items() if count)
    terms = report["splade_terms"]
    sparse_line = (
        f"\nOn average {terms['query']:.0f} word pieces carry a weight in a query and {terms['section']:.0f} in a section.\n"
        if kind is SPLADE
        else ""
    )
    return (
        HEADER.format(library=library, task=task, name=kind.folder, text=text)
        + f"""## Files

`onnx/model.onnx` (opset 17) takes `input_ids`, `attention_mask` and `token_type_ids`, int64 `[batch, sequence]`, and gives
`{"last_hidden_state [batch, sequence, 128]" if kind is DENSE else "logits [batch, sequence, vocabulary]" if kind is SPLADE else "logits [batch, 1]"}` in float32. Weights are
stored as float16 and cast when the file is loaded. {training["vocabulary"]} lower-case word pieces, at most {kind.limit} tokens with `[CLS]` and `[SEP]`.

## Figures

{report["held_out_sections"]} sections of {report["held_out_documents"]} documents that no training step saw. A section, without its heading line, is
to be found by its heading path among all of them. Measured on these ONNX files by `python test/models/evaluate.py`.

{figures(report)}
{sparse_line}
## Training

`python test/models/train.py`, seed {training["seed"]}: {step["train_sections"]} (heading path, section) pairs out of Markdown pages ({documents}), a
sixth of the documents held out whole, near-duplicate bodies removed. All three models together took {training["wall_seconds"] / 60:.0f} minutes
({training["cpu_seconds"] / 60:.0f} CPU minutes) on {training["threads"]} threads.

The sample corpus and the documentation of rag-cells are among these pages, five sixths of them on the training side: figures
taken on that corpus flatter the models. The table above does not count what was trained on.

MIT licence.
"""
    )


def write_cards(root: Path, report: dict, training: dict) -> None:
    for kind in TEXTS:
        (root / kind.folder / "README.md").write_text(card(kind, report, training), encoding="utf-8")
