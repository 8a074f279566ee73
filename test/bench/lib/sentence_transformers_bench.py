"""sentence-transformers on a BertModel of the same shape: says "ready" and the fastest matrix product that torch does here
(GFLOP/s, float32, 2048 x 2048), then for each line it reads the seconds of one run and that rate again.

Usage: python sentence_transformers_bench.py FOLDER TEXTS_JSON THREADS MAX_TOKENS
"""

import sys
import time

import torch
from sentence_transformers_model import bert_encoder, read_texts


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
    texts = read_texts(texts_file)
    encoder, width = bert_encoder(folder, int(max_tokens), "cpu")
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        vectors = encoder.encode(texts, batch_size=32, show_progress_bar=False)
        seconds = time.perf_counter() - start
        assert vectors.shape == (len(texts), width)
        print(seconds, fastest_product(), flush=True)


main()
