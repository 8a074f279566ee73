"""Trains the SPLADE encoder on the bi-encoder's body: first to name its own words, then to rank."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertForMaskedLM, BertModel

from batches import cut_span, one_cycle, single_batch, step, window
from dense import contrast
from encoders import TEXT_LIMIT, WIDTH, splade_model
from vocabulary_max import VocabularyMax
from wordpieces import MASK_ID

EPOCHS = 5
BATCH = 64
RATE = 6.0e-4
WARM_UP_STEPS = 150
NAMED_TOKENS = 1024
OWN_WEIGHT = 20.0
SCALE = 0.3
RAMP_SHARE = 0.5
CLOZE_SHARE = 0.4
QUERY_FLOPS = 0.01
PASSAGE_FLOPS = 0.01
ROOM = 126


def expand(model: BertForMaskedLM, texts: list[list[int]], starts: list[int] | None = None) -> Tensor:
    """[B, V] term weights, equal to splade_pooled of the model's logits."""
    batch = single_batch(texts, starts)
    head = model.cls.predictions
    states = head.transform(model.bert(**batch).last_hidden_state)
    words = model.bert.embeddings.word_embeddings.weight
    return torch.log1p(VocabularyMax.apply(states, batch["attention_mask"], words, head.bias))


def flops(weights: Tensor) -> Tensor:
    """The FLOPS regulariser (Paria et al. 2020): the sum over the vocabulary of the squared mean weight."""
    return weights.mean(0).square().sum()


def from_dense(body: BertModel, vocabulary: int) -> BertForMaskedLM:
    model = splade_model(vocabulary)
    missing, unexpected = model.bert.load_state_dict(body.state_dict(), strict=False)
    if missing or unexpected:
        raise RuntimeError(f"The bi-encoder does not fit the SPLADE body: {missing} {unexpected}")
    with torch.no_grad():
        model.cls.predictions.transform.dense.weight.copy_(torch.eye(WIDTH))
        model.cls.predictions.bias.fill_(-6.0)
    return model


def naming_loss(model: BertForMaskedLM, texts: list[list[int]], starts: list[int], rng: random.Random) -> Tensor:
    """Each of a sample of tokens names its own word piece and no other; one in seven of them stands masked.

    A yes or no for each word piece, not a softmax: a logit above zero is a term of the sparse
    vector, so the signs have to be right before the ranking loss begins.
    """
    batch = single_batch(texts, starts)
    ids = batch["input_ids"]
    rows, columns = torch.nonzero(batch["attention_mask"], as_tuple=True)
    chosen = torch.tensor(rng.sample(range(len(rows)), min(NAMED_TOKENS, len(rows))))
    rows, columns = rows[chosen], columns[chosen]
    wanted = ids[rows, columns]
    masked = torch.arange(len(rows)) % 7 == 0
    ids[rows[masked], columns[masked]] = MASK_ID
    states = model.bert(**batch).last_hidden_state[rows, columns]
    logits = model.cls(states)
    own = logits.gather(1, wanted.unsqueeze(1))
    others = F.softplus(logits).sum(1, keepdim=True) - F.softplus(own)
    return (OWN_WEIGHT * F.softplus(-own) + others).mean()


def train_splade(
    body: BertModel, queries: list[list[int]], bodies: list[list[int]], vocabulary: int, seed: int, log
) -> BertForMaskedLM:
    """Queries and bodies are word-piece ids, row by row a pair."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = from_dense(body, vocabulary).train()
    optimizer, scheduler = one_cycle(model, RATE, WARM_UP_STEPS)
    for number in range(WARM_UP_STEPS):
        windows = [window(bodies[i], TEXT_LIMIT - 2, ROOM, rng) for i in rng.sample(range(len(bodies)), BATCH)]
        loss = naming_loss(model, [ids for ids, _ in windows], [start for _, start in windows], rng)
        value = step(model, loss, optimizer, scheduler)
        if (number + 1) % 50 == 0:
            log(f"splade warm-up {number + 1}/{WARM_UP_STEPS}: loss {value:.4f}")

    per_epoch = len(bodies) // BATCH
    optimizer, scheduler = one_cycle(model, RATE, EPOCHS * per_epoch)
    done = 0
    for epoch in range(EPOCHS):
        order = rng.sample(range(len(bodies)), len(bodies))
        total = terms = 0.0
        for first in range(0, per_epoch * BATCH, BATCH):
            rows = order[first : first + BATCH]
            left = [cut_span(bodies[i], rng) if rng.random() < CLOZE_SHARE else queries[i][: ROOM] for i in rows]
            windows = [window(bodies[i], TEXT_LIMIT - 2, ROOM, rng) for i in rows]
            query = expand(model, left)
            passage = expand(model, [ids for ids, _ in windows], [start for _, start in windows])
            ramp = min(1.0, done / (RAMP_SHARE * EPOCHS * per_epoch)) ** 2
            price = ramp * (QUERY_FLOPS * flops(query) + PASSAGE_FLOPS * flops(passage))
            total += step(model, contrast(query @ passage.T * SCALE) + price, optimizer, scheduler)
            terms += (passage > 0).sum(1).float().mean().item()
            done += 1
        log(f"splade epoch {epoch + 1}/{EPOCHS}: loss {total / per_epoch:.4f}, {terms / per_epoch:.0f} terms a passage")
    return model.eval()
