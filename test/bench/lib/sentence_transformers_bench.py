"""sentence-transformers on a BertModel of the same shape: says "ready" and the fastest matrix product that torch does here
(GFLOP/s, float32, 2048 x 2048), then for each line it reads the seconds of one run and that rate again.

Usage: python sentence_transformers_bench.py FOLDER TEXTS_JSON THREADS MAX_TOKENS
"""

import json
import sys
import tempfile
import time

import torch
from sentence_transformers import SentenceTransformer, models
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast


def fastest_product() -> float:
    """GFLOP/s, the best of ten: what no float32 model of matrix products can go beyond."""
    size = 2048
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def main() -> None:
    folder, texts_file, threads, max_tokens = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    with open(texts_file, encoding="utf-8") as file:
        texts = json.load(file)
    with tempfile.TemporaryDirectory() as place:
        BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False).save_pretrained(place)
        PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(place)
        transformer = models.Transformer(place, max_seq_length=int(max_tokens))
        pooling = models.Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
        encoder = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        vectors = encoder.encode(texts, batch_size=32, show_progress_bar=False)
        seconds = time.perf_counter() - start
        assert vectors.shape == (len(texts), 384)
        print(seconds, fastest_product(), flush=True)


main()
