"""sentence-transformers on a BertModel of the shape of a folder's config.json: prints one line of JSON with the seconds of
encoding all texts, the best of three batch sizes, each after one run to warm up.

Usage: python sentence_transformers_gpu.py FOLDER TEXTS_JSON MAX_TOKENS DEVICE DTYPE
"""

import json
import sys
import time

import sentence_transformers
import torch
from sentence_transformers_model import bert_encoder, read_texts

BATCHES = (32, 128, 512)


def main() -> None:
    folder, texts_file, max_tokens, device, dtype = sys.argv[1:]
    texts = read_texts(texts_file)
    encoder, width = bert_encoder(folder, int(max_tokens), device)
    if dtype == "fp16":
        encoder.half()
    seconds = {}
    for size in BATCHES if device == "cuda" else BATCHES[:1]:
        encoder.encode(texts[: 4 * size], batch_size=size, show_progress_bar=False)
        start = time.perf_counter()
        vectors = encoder.encode(texts, batch_size=size, show_progress_bar=False)
        seconds[size] = time.perf_counter() - start
        assert vectors.shape == (len(texts), width)
    peak = torch.cuda.max_memory_reserved() if device == "cuda" else None
    versions = {"torch": torch.__version__, "sentence_transformers": sentence_transformers.__version__}
    print(json.dumps({"seconds": seconds, "peakBytes": peak, **versions}))


main()
