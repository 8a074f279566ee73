"""Starting word embeddings from co-occurrence, so that four thousand pairs need not teach what words mean."""

import numpy as np
import scipy.sparse as sparse
import torch
from scipy.sparse.linalg import svds

from encoders import WIDTH
from wordpieces import SPECIAL

REACH = 5
SMOOTHING = 0.75


def cooccurrence(texts: list[list[int]], vocabulary: int) -> sparse.csr_matrix:
    """Symmetric counts of word pieces at most REACH apart, each weighted by 1 / distance."""
    gap = [0] * REACH
    stream = np.concatenate([np.array(ids + gap) for ids in texts])
    counts = sparse.csr_matrix((vocabulary, vocabulary))
    for distance in range(1, REACH + 1):
        left, right = stream[:-distance], stream[distance:]
        real = (left >= len(SPECIAL)) & (right >= len(SPECIAL))
        weights = np.full(real.sum(), 1.0 / distance)
        counts += sparse.coo_matrix((weights, (left[real], right[real])), shape=counts.shape).tocsr()
    return counts + counts.T


def word_vectors(texts: list[list[int]], vocabulary: int) -> torch.Tensor:
    """[V, WIDTH] unit rows, zero where a word piece has no neighbours.

    Truncated SVD of the positive pointwise mutual information with smoothed contexts
    (Levy, Goldberg and Dagan 2015), scaled by the root of the singular values, the largest first.
    """
    counts = cooccurrence(texts, vocabulary)
    totals = np.asarray(counts.sum(1)).ravel()
    contexts = totals**SMOOTHING
    contexts /= contexts.sum()
    cells = counts.tocoo()
    information = np.log(cells.data / (totals[cells.row] * contexts[cells.col]))
    kept = information > 0
    positive = sparse.csr_matrix(
        (information[kept], (cells.row[kept], cells.col[kept])), shape=counts.shape
    )
    left, strengths, _ = svds(positive, k=WIDTH, v0=np.ones(vocabulary))
    order = np.argsort(-strengths)
    vectors = left[:, order] * np.sqrt(strengths[order])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return torch.tensor(vectors / np.where(lengths > 0, lengths, 1.0), dtype=torch.float32)
