"""Trains the bi-encoder: InfoNCE in both directions, at every Matryoshka dimension."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertModel

from batches import cut_span, one_cycle, single_batch, step, window
from encoders import DENSE_DIMENSIONS, TEXT_LIMIT, dense_model, mean_pooled
from word_vectors import word_vectors

EPOCHS = 14
BATCH = 96
RATE = 1.2e-3
SCALE = 20.0
CLOZE_SHARE = 0.4
ROOM = 126


def embed(model: BertModel, texts: list[list[int]], starts: list[int] | None = None) -> Tensor:
    batch = single_batch(texts, starts)
    return mean_pooled(model(**batch).last_hidden_state, batch["attention_mask"])


def contrast(scores: Tensor) -> Tensor:
    """InfoNCE with in-batch negatives, from queries to passages and back."""
    labels = torch.arange(len(scores))
    return (F.cross_entropy(scores, labels) + F.cross_entropy(scores.T, labels)) / 2


def matryoshka_loss(queries: Tensor, passages: Tensor) -> Tensor:
    """The mean of the losses of each cut, normalised again (Kusupati et al. 2022)."""
    losses = []
    for size in DENSE_DIMENSIONS:
        left = F.normalize(queries[:, :size], dim=-1)
        right = F.normalize(passages[:, :size], dim=-1)
        losses.append(contrast(left @ right.T * SCALE))
    return torch.stack(losses).mean()


def train_dense(queries: list[list[int]], bodies: list[list[int]], vocabulary: int, seed: int, log) -> BertModel:
    """Queries and bodies are word-piece ids, row by row a pair."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = dense_model(vocabulary).train()
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.copy_(word_vectors([*queries, *bodies], vocabulary))
    per_epoch = len(bodies) // BATCH
    optimizer, scheduler = one_cycle(model, RATE, EPOCHS * per_epoch)
    for epoch in range(EPOCHS):
        order = rng.sample(range(len(bodies)), len(bodies))
        total = 0.0
        for first in range(0, per_epoch * BATCH, BATCH):
            rows = order[first : first + BATCH]
            left = [cut_span(bodies[i], rng) if rng.random() < CLOZE_SHARE else queries[i][: ROOM] for i in rows]
            windows = [window(bodies[i], TEXT_LIMIT - 2, ROOM, rng) for i in rows]
            right, starts = [ids for ids, _ in windows], [start for _, start in windows]
            loss = matryoshka_loss(embed(model, left), embed(model, right, starts))
            total += step(model, loss, optimizer, scheduler)
        log(f"dense epoch {epoch + 1}/{EPOCHS}: loss {total / per_epoch:.4f}")
    return model.eval()
