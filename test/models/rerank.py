"""Trains the pair model: one section against seven others under its heading path."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertModel

from batches import one_cycle, pair_batch, step
from dense import embed
from encoders import PAIR_LIMIT, TEXT_LIMIT, PairModel

EPOCHS = 1
GROUPS = 16
RATE = 1.2e-3
HARD = 5
EASY = 1
NEAREST = 24
QUERY_ROOM = 40
PASSAGE_ROOMS = (96, 160, 270, 270)
CALIBRATION = 0.1
SLICE = 32
REPORT = 50


@torch.no_grad()
def unit_vectors(body: BertModel, texts: list[list[int]]) -> Tensor:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = torch.empty(len(texts), body.config.hidden_size)
    for first in range(0, len(order), SLICE):
        rows = order[first : first + SLICE]
        vectors[rows] = embed(body, [texts[i][: TEXT_LIMIT - 2] for i in rows])
    return F.normalize(vectors, dim=-1)


def hard_negatives(body: BertModel, queries: list[list[int]], bodies: list[list[int]]) -> list[list[int]]:
    """For each query the NEAREST sections by the bi-encoder that are not its own."""
    scores = unit_vectors(body, queries) @ unit_vectors(body, bodies).T
    scores.fill_diagonal_(float("-inf"))
    return scores.topk(NEAREST, dim=1).indices.tolist()


def word_importance(bodies: list[list[int]], vocabulary: int) -> Tensor:
    """Inverse document frequency of each word piece, [V, 1], as the start of the head's weights."""
    found = torch.zeros(vocabulary)
    for ids in bodies:
        found[list(set(ids))] += 1
    return torch.log((len(bodies) + 1) / (found + 1)).unsqueeze(1)


def from_dense(body: BertModel, bodies: list[list[int]], vocabulary: int) -> PairModel:
    """The bi-encoder's weights; positions past its limit begin as copies of its last ones."""
    model = PairModel(vocabulary)
    state = body.state_dict()
    places = state["embeddings.position_embeddings.weight"]
    state["embeddings.position_embeddings.weight"] = torch.cat([places, places[TEXT_LIMIT - PAIR_LIMIT :]])
    model.bert.load_state_dict(state)
    with torch.no_grad():
        model.interaction.importance.weight.copy_(
            word_importance(bodies, vocabulary) / model.interaction.CONTRAST
        )
    return model


def scores_of(model: PairModel, pairs: list[tuple[list[int], list[int]]]) -> Tensor:
    """[N] logits. Pairs of like length run together, so that little of a batch is padding."""
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    parts = []
    for first in range(0, len(order), SLICE):
        rows = order[first : first + SLICE]
        parts.append(model(**pair_batch([pairs[i] for i in rows])).squeeze(1))
    places = torch.empty(len(order), dtype=torch.long)
    places[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[places]


def train_rerank(
    body: BertModel, queries: list[list[int]], bodies: list[list[int]], vocabulary: int, seed: int, log
) -> PairModel:
    """Queries and bodies are word-piece ids, row by row a pair."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    nearest = hard_negatives(body, queries, bodies)
    model = from_dense(body, bodies, vocabulary).train()
    per_epoch = len(bodies) // GROUPS
    optimizer, scheduler = one_cycle(model, RATE, EPOCHS * per_epoch)
    size = 1 + HARD + EASY
    truth = torch.zeros(GROUPS, size)
    truth[:, 0] = 1.0
    total, done = 0.0, 0
    for _ in range(EPOCHS):
        order = rng.sample(range(len(bodies)), len(bodies))
        for first in range(0, per_epoch * GROUPS, GROUPS):
            pairs = []
            for row in order[first : first + GROUPS]:
                others = [i for i in rng.sample(range(len(bodies)), EASY + 1) if i != row][:EASY]
                room = rng.choice(PASSAGE_ROOMS)
                for other in [row, *rng.sample(nearest[row], HARD), *others]:
                    pairs.append((queries[row][:QUERY_ROOM], bodies[other][:room]))
            logits = scores_of(model, pairs).view(GROUPS, size)
            ranking = F.cross_entropy(logits, torch.zeros(GROUPS, dtype=torch.long))
            calibration = F.binary_cross_entropy_with_logits(logits, truth)
            total += step(model, ranking + CALIBRATION * calibration, optimizer, scheduler)
            done += 1
            if done % REPORT == 0:
                log(f"rerank step {done}/{EPOCHS * per_epoch}: loss {total / REPORT:.4f}")
                total = 0.0
    return model.eval()
