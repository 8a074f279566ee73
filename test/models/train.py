"""Trains the three sample models on the CPU, writes their folders, and measures them.

    python test/models/train.py
    python test/models/train.py --only rerank    # from the bi-encoder that is there

Needs the packages of requirements.txt. The same seed, packages and number of threads give the
same models; two threads are what the figures were measured with.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

# Read when torch loads its OpenMP library: threads that sleep while they wait, instead of spinning,
# train several times faster where something else uses a core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy
import onnx
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer
from transformers import BertModel

from bert_graph import write_dense, write_pair, write_splade
from corpus import load_corpus
from dense import train_dense
from encoders import bert_config, dense_model
from evaluate import HERE, MODELS, ROOT, evaluate, sources
from folders import DENSE, RERANK, SPLADE, write_folder, write_json
from graph import read_weights, rounded
from rerank import train_rerank
from splade import train_splade
from wordpieces import train_tokenizer, word_piece_ids

SEED = 20
THREADS = 2


class Clock:
    """Wall and CPU seconds of each step, printed as they pass."""

    def __init__(self) -> None:
        self.begin = self.last = (time.perf_counter(), time.process_time())
        self.steps: dict[str, dict] = {}

    def log(self, line: str) -> None:
        print(f"{time.perf_counter() - self.begin[0]:7.1f} s  {line}", flush=True)

    def done(self, name: str, **facts) -> None:
        now = (time.perf_counter(), time.process_time())
        spent = [round(after - before, 1) for after, before in zip(now, self.last, strict=True)]
        self.steps[name] = {"wall_seconds": spent[0], "cpu_seconds": spent[1], **facts}
        self.last = now
        self.log(f"{name}: {spent[0]} s, {spent[1]} CPU s")


def shipped_dense() -> tuple[Tokenizer, BertModel]:
    """The bi-encoder that is there, and its tokenizer."""
    folder = MODELS / DENSE.folder
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = dense_model(tokenizer.get_vocab_size())
    model.load_state_dict(read_weights(folder / "onnx" / "model.onnx"))
    return tokenizer, model.eval()


def train(data: Path, only_rerank: bool) -> None:
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    clock = Clock()
    corpus = load_corpus(sources(data))
    if not corpus.train:
        raise SystemExit(f"No Markdown was found below {data}: name the folder with docling-raw and qdrant-raw by --data.")
    clock.log(f"{len(corpus.train)} sections to train on, {len(corpus.held_out)} held out, of {corpus.documents}")
    queries = [section.query for section in corpus.train]
    bodies = [section.body for section in corpus.train]
    if only_rerank:
        # The other steps stay as the run that made them wrote them.
        clock.steps = json.loads((HERE / "training.json").read_text(encoding="utf-8"))["steps"]
        tokenizer, dense = shipped_dense()
    else:
        tokenizer = train_tokenizer([*queries, *bodies])
    vocabulary = tokenizer.get_vocab_size()
    pairs = (word_piece_ids(tokenizer, queries), word_piece_ids(tokenizer, bodies))
    clock.done("corpus and tokenizer")

    # Each step keeps what it was trained on: with --only the models come from different states of the pages.
    read = {"train_sections": len(corpus.train), "documents": corpus.documents}
    made = []
    if not only_rerank:
        dense = train_dense(*pairs, vocabulary, SEED, clock.log)
        clock.done("dense", **read)
        splade = train_splade(dense, *pairs, vocabulary, SEED + 1, clock.log)
        clock.done("splade", **read)
        made = [(DENSE, dense, write_dense), (SPLADE, splade, write_splade)]
    pair = train_rerank(dense, *pairs, vocabulary, SEED + 2, clock.log)
    clock.done("rerank", **read)
    # A folder is replaced only when every training has come to its end.
    for kind, model, write in (*made, (RERANK, pair, write_pair)):
        place = write_folder(MODELS, kind, tokenizer)
        write(place, rounded(model.state_dict()), bert_config(vocabulary, kind.limit))
    write_json(
        HERE / "training.json",
        {
            "made_by": "test/models/train.py",
            "seed": SEED,
            "threads": THREADS,
            "wall_seconds": round(sum(step["wall_seconds"] for step in clock.steps.values()), 1),
            "cpu_seconds": round(sum(step["cpu_seconds"] for step in clock.steps.values()), 1),
            "steps": clock.steps,
            "near_duplicates_dropped": corpus.dropped_duplicates,
            "vocabulary": vocabulary,
            "versions": {
                "python": platform.python_version(),
                **{module.__name__: module.__version__ for module in (torch, transformers, tokenizers, onnx, numpy)},
            },
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", choices=["rerank"], help="train the pair model alone, from the bi-encoder that is there")
    arguments = parser.parse_args()
    train(arguments.data, arguments.only == "rerank")
    missed = evaluate(arguments.data)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    sys.exit(1 if missed else 0)
