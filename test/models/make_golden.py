"""Writes test/golden/{dense,splade,rerank}.json: what the Python reference gives for the sample models.

    python test/models/make_golden.py

Vectors and logits come from sentence-transformers, transformers and torch with the weights of the
shipped ONNX files, not from onnxruntime. Where onnxruntime differs by more than the tolerance the
script fails and writes nothing.
"""

import hashlib
import json
import platform
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import sentence_transformers
import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer, BertForMaskedLM

from encoders import PairModel, splade_pooled
from evaluate import HERE, INPUTS, MODELS, mean_rows, splade_rows, unit
from folders import DENSE, RERANK, SPLADE, Kind
from golden_texts import PAIRS, TEXTS
from graph import read_weights

GOLDEN = HERE.parent / "golden"
CUT = 64
TOLERANCE = {DENSE: 1e-5, SPLADE: 1e-5, RERANK: 1e-4}


def short(values) -> list[float]:
    """Nine significant digits, which name a float32 exactly."""
    return [float(f"{float(value):.9g}") for value in values]


def header(kind: Kind, truncation: str) -> dict:
    onnx_file = MODELS / kind.folder / "onnx" / "model.onnx"
    modules = (torch, transformers, sentence_transformers, tokenizers, onnxruntime, np)
    return {
        "made_by": "test/models/make_golden.py",
        "model": kind.folder,
        "onnx_sha256": hashlib.sha256(onnx_file.read_bytes()).hexdigest(),
        "versions": {"python": platform.python_version(), **{item.__name__: item.__version__ for item in modules}},
        "tolerance": TOLERANCE[kind],
        "max_tokens": kind.limit,
        "truncation": truncation,
    }


def as_lines(golden: dict) -> str:
    """JSON with one line for each field and each item, so that a change shows as the items it touches."""
    items = ",\n".join(f"  {json.dumps(item, ensure_ascii=True)}" for item in golden["items"])
    fields = "".join(f"{json.dumps(name)}: {json.dumps(golden[name])},\n" for name in golden if name != "items")
    return f'{{\n{fields}"items": [\n{items}\n]\n}}\n'


def torch_folder(kind: Kind, place: Path) -> Path:
    """The model's folder as transformers reads it: the ONNX weights as safetensors beside the same configuration."""
    folder = place / kind.folder
    shutil.copytree(MODELS / kind.folder, folder, ignore=shutil.ignore_patterns("onnx"))
    save_file(read_weights(MODELS / kind.folder / "onnx" / "model.onnx"), folder / "model.safetensors", {"format": "pt"})
    return folder


def by_onnxruntime(kind: Kind, encodings: list[dict], pooled) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        MODELS / kind.folder / "onnx" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    rows = []
    for encoding in encodings:
        feed = {name: np.array([encoding[name]], dtype=np.int64) for name in INPUTS}
        rows.append(pooled(session.run(None, feed)[0], feed["attention_mask"])[0])
    return np.stack(rows)


def check(kind: Kind, reference: np.ndarray, ours: np.ndarray) -> float:
    worst = float(np.abs(reference - ours).max())
    if not worst <= TOLERANCE[kind]:
        raise SystemExit(f"{kind.folder}: onnxruntime differs from the reference by {worst}, more than {TOLERANCE[kind]}.")
    print(f"{kind.folder}: onnxruntime differs by at most {worst:.2e}")
    return worst


def text_encodings(folder: Path) -> list[dict]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [dict(tokenizer(text, truncation=True, return_token_type_ids=True)) for text in TEXTS.values()]


def untruncated(folder: Path, items) -> list[int]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [len(tokenizer(*item, verbose=False)["input_ids"]) for item in items]


def dense_golden(place: Path) -> dict:
    folder = torch_folder(DENSE, place)
    model = SentenceTransformer(str(folder), device="cpu")
    encodings = text_encodings(folder)
    ids_inside = [model.preprocess([text])["input_ids"][0].tolist() for text in TEXTS.values()]
    if ids_inside != [encoding["input_ids"] for encoding in encodings]:
        raise SystemExit("sentence-transformers and transformers disagree on the token ids.")
    # One text a call: a batch is padded, and padding moves the last bits.
    full = np.stack([model.encode(text, normalize_embeddings=True) for text in TEXTS.values()])
    cut = np.stack([model.encode(text, normalize_embeddings=True, truncate_dim=CUT) for text in TEXTS.values()])
    if cut.shape[1] != CUT or np.abs(np.linalg.norm(cut, axis=1) - 1).max() > 1e-6:
        raise SystemExit(f"The cut vectors are {cut.shape} and not of length one.")
    ours = by_onnxruntime(DENSE, encodings, mean_rows)
    worst = max(check(DENSE, full, unit(ours)), check(DENSE, cut, unit(ours[:, :CUT])))
    lengths = untruncated(folder, [(text,) for text in TEXTS.values()])
    items = [
        {
            "name": name,
            "text": text,
            "tokens_before_truncation": length,
            "ids": encoding["input_ids"],
            "vector": short(vector),
            f"vector_{CUT}": short(head),
        }
        for (name, text), length, encoding, vector, head in zip(
            TEXTS.items(), lengths, encodings, full, cut, strict=True
        )
    ]
    return {**header(DENSE, "longest_first"), "onnxruntime_differs_by": worst, "items": items}


def splade_golden(place: Path) -> dict:
    folder = torch_folder(SPLADE, place)
    model = BertForMaskedLM.from_pretrained(folder).eval()
    encodings = text_encodings(folder)
    rows = []
    for encoding in encodings:
        batch = {name: torch.tensor([encoding[name]]) for name in INPUTS}
        with torch.no_grad():
            rows.append(splade_pooled(model(**batch).logits, batch["attention_mask"])[0].numpy())
    reference = np.stack(rows)
    worst = check(SPLADE, reference, by_onnxruntime(SPLADE, encodings, splade_rows))
    lengths = untruncated(folder, [(text,) for text in TEXTS.values()])
    items = []
    for (name, text), length, encoding, row in zip(TEXTS.items(), lengths, encodings, reference, strict=True):
        indices = np.flatnonzero(row)
        items.append(
            {
                "name": name,
                "text": text,
                "tokens_before_truncation": length,
                "ids": encoding["input_ids"],
                "indices": indices.tolist(),
                "values": short(row[indices]),
            }
        )
    size = reference.shape[1]
    return {**header(SPLADE, "longest_first"), "dimension": size, "onnxruntime_differs_by": worst, "items": items}


def rerank_golden() -> dict:
    folder = MODELS / RERANK.folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = PairModel(tokenizer.vocab_size)
    model.load_state_dict(read_weights(folder / "onnx" / "model.onnx"))
    model.eval()
    encodings = [
        dict(tokenizer(query, passage, truncation="only_second", return_token_type_ids=True))
        for query, passage in PAIRS.values()
    ]
    logits = []
    for encoding in encodings:
        with torch.no_grad():
            logits.append(model(*(torch.tensor([encoding[name]]) for name in INPUTS))[0].numpy())
    reference = np.stack(logits)
    worst = check(RERANK, reference, by_onnxruntime(RERANK, encodings, lambda output, mask: output))
    lengths = untruncated(folder, PAIRS.values())
    items = [
        {
            "name": name,
            "query": query,
            "passage": passage,
            "tokens_before_truncation": length,
            "ids": encoding["input_ids"],
            "type_ids": encoding["token_type_ids"],
            "logit": short(logit)[0],
        }
        for (name, (query, passage)), length, encoding, logit in zip(
            PAIRS.items(), lengths, encodings, reference, strict=True
        )
    ]
    return {**header(RERANK, "only_second"), "onnxruntime_differs_by": worst, "items": items}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        golden = {
            "dense": dense_golden(Path(scratch)),
            "splade": splade_golden(Path(scratch)),
            "rerank": rerank_golden(),
        }
    GOLDEN.mkdir(exist_ok=True)
    for name, value in golden.items():
        (GOLDEN / f"{name}.json").write_text(as_lines(value), encoding="utf-8")
