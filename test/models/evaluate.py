"""Measures the shipped ONNX files on held-out sections, each to be found by its heading path among all.

    python test/models/evaluate.py

Writes evaluation.json beside this file and renews the model cards. Ends with status 1 if a
target is missed.
"""

import argparse
import json
import sys
from pathlib import Path

import bm25s
import numpy as np
import onnxruntime
import Stemmer
from tokenizers import Tokenizer

from cards import write_cards
from corpus import Corpus, load_corpus
from folders import DENSE, KINDS, RERANK, SPLADE, Kind, folder_bytes, write_json

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODELS = ROOT / "notebooks" / "sample" / "models"
RRF_K = 60
DEPTH = 100
RERANKED = 20
BATCH = 32
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def sources(data: Path) -> dict[str, Path]:
    return {
        "docling-raw": data / "docling-raw",
        "qdrant-raw": data / "qdrant-raw",
        "docs": ROOT / "docs",
        "sample-corpus": ROOT / "notebooks" / "sample" / "corpus",
    }


class ShippedModel:
    """A tokenizer and an onnxruntime session, as they lie in the folder."""

    def __init__(self, kind: Kind) -> None:
        folder = MODELS / kind.folder
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        strategy = "only_second" if kind is RERANK else "longest_first"
        self.tokenizer.enable_truncation(kind.limit, strategy=strategy)
        self.tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
        self.session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])

    def run(self, items: list, pooled) -> np.ndarray:
        """Texts or pairs -> one row each, in order; `pooled` turns a batch's output and mask into rows."""
        order = sorted(range(len(items)), key=lambda i: sum(map(len, items[i])))
        rows: list = [None] * len(items)
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            encodings = self.tokenizer.encode_batch([items[i] for i in places])
            columns = ([e.ids for e in encodings], [e.attention_mask for e in encodings], [e.type_ids for e in encodings])
            feed = {name: np.array(column, dtype=np.int64) for name, column in zip(INPUTS, columns, strict=True)}
            output = self.session.run(None, feed)[0]
            for place, row in zip(places, pooled(output, feed["attention_mask"]), strict=True):
                rows[place] = row
        return np.stack(rows)


def mean_rows(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    weights = mask[:, :, None].astype(np.float32)
    return (states * weights).sum(1) / weights.sum(1)


def splade_rows(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.log1p(np.maximum(np.where(mask[:, :, None] == 1, logits, 0.0), 0.0).max(1))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def ranked(scores: np.ndarray, depth: int) -> np.ndarray:
    """Column numbers of the best `depth` of each row; of equal scores the earlier column first."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :depth]


def fused(rankings: list[np.ndarray], count: int) -> np.ndarray:
    """Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): the sum of 1 / (k + rank), ranks from 1."""
    scores = np.zeros((len(rankings[0]), count))
    for ranking in rankings:
        np.put_along_axis(
            scores, ranking, np.take_along_axis(scores, ranking, 1) + 1.0 / (RRF_K + 1 + np.arange(ranking.shape[1])), 1
        )
    return ranked(scores, DEPTH)


def quality(ranking: np.ndarray) -> dict[str, float]:
    """Row i's one relevant column is i: recall@10 and the mean reciprocal rank within the first ten."""
    hits = ranking[:, :10] == np.arange(len(ranking))[:, None]
    reciprocal = (hits / np.arange(1, 11)).sum(1)
    return {"recall@10": round(float(hits.any(1).mean()), 4), "mrr@10": round(float(reciprocal.mean()), 4)}


def bm25_ranking(queries: list[str], bodies: list[str]) -> np.ndarray:
    stemmer = Stemmer.Stemmer("english")

    def words(texts: list[str]) -> list[list[str]]:
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False)

    index = bm25s.BM25()
    index.index(words(bodies), show_progress=False)
    return ranked(np.stack([index.get_scores(query) for query in words(queries)]), DEPTH)


def measure(corpus: Corpus) -> dict:
    queries = [section.query for section in corpus.held_out]
    bodies = [section.body for section in corpus.held_out]
    results = {"bm25": quality(bm25_ranking(queries, bodies))}

    dense = ShippedModel(DENSE)
    left, right = dense.run(queries, mean_rows), dense.run(bodies, mean_rows)
    by_dense = ranked(unit(left) @ unit(right).T, DEPTH)
    results["dense"] = quality(by_dense)
    for size in DENSE.extra["matryoshka_dimensions"][1:]:
        results[f"dense, first {size}"] = quality(ranked(unit(left[:, :size]) @ unit(right[:, :size]).T, DEPTH))

    splade = ShippedModel(SPLADE)
    left, right = splade.run(queries, splade_rows), splade.run(bodies, splade_rows)
    by_splade = ranked(left @ right.T, DEPTH)
    results["splade"] = quality(by_splade)
    terms = {"query": float((left > 0).sum(1).mean()), "section": float((right > 0).sum(1).mean())}

    by_both = fused([by_dense, by_splade], len(bodies))
    results["fused"] = quality(by_both)

    pairs = [(queries[row], bodies[column]) for row in range(len(queries)) for column in by_both[row, :RERANKED]]
    logits = ShippedModel(RERANK).run(pairs, lambda output, mask: output[:, 0]).reshape(-1, RERANKED)
    order = np.argsort(-logits, axis=1, kind="stable")
    results["reranked"] = quality(np.take_along_axis(by_both[:, :RERANKED], order, 1))
    return {"results": results, "splade_terms": {name: round(value, 1) for name, value in terms.items()}}


def missed_targets(results: dict[str, dict[str, float]], held_out: int) -> list[str]:
    bm25, dense, splade, both = (results[name] for name in ("bm25", "dense", "splade", "fused"))
    better_recall = max(dense["recall@10"], splade["recall@10"])
    better_mrr = max(dense["mrr@10"], splade["mrr@10"])
    checks = {
        f"at least 500 held-out sections, have {held_out}": held_out >= 500,
        f"dense recall@10 at least .62, is {dense['recall@10']}": dense["recall@10"] >= 0.62,
        f"dense mrr@10 above BM25's, is {dense['mrr@10']}": dense["mrr@10"] > bm25["mrr@10"],
        f"splade recall@10 at least .55, is {splade['recall@10']}": splade["recall@10"] >= 0.55,
        f"fused recall@10 not below {better_recall}, is {both['recall@10']}": both["recall@10"] >= better_recall,
        f"fused mrr@10 not below {better_mrr}, is {both['mrr@10']}": both["mrr@10"] >= better_mrr,
        f"reranking raises mrr@10 {both['mrr@10']} by at least .03, to {results['reranked']['mrr@10']}": results[
            "reranked"
        ]["mrr@10"]
        >= both["mrr@10"] + 0.03,
    }
    return [name for name, met in checks.items() if not met]


def evaluate(data: Path) -> list[str]:
    """Writes evaluation.json and the cards; returns the targets that were missed."""
    corpus = load_corpus(sources(data))
    if not corpus.held_out:
        raise SystemExit(f"No Markdown was found below {data}: name the folder with docling-raw and qdrant-raw by --data.")
    report = {
        "method": "held-out sections without heading lines, each found by its heading path among all held-out sections",
        "made_by": "test/models/evaluate.py",
        "versions": {module.__name__: module.__version__ for module in (bm25s, np, onnxruntime)},
        "documents": corpus.documents,
        "held_out_documents": len({section.document for section in corpus.held_out}),
        "held_out_sections": len(corpus.held_out),
        "rrf_k": RRF_K,
        "depth": DEPTH,
        "reranked_candidates": RERANKED,
        **measure(corpus),
    }
    training = json.loads((HERE / "training.json").read_text(encoding="utf-8"))
    write_cards(MODELS, report, training)
    report["folder_bytes"] = {kind.folder: folder_bytes(MODELS / kind.folder) for kind in KINDS}
    write_json(HERE / "evaluation.json", report)
    print(json.dumps(report["results"], indent=1))
    return missed_targets(report["results"], len(corpus.held_out))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    missed = evaluate(parser.parse_args().data)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    sys.exit(1 if missed else 0)
