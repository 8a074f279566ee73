"""Token lists as padded tensors, windows of long texts, and the schedule all three trainings share."""

import math
import random

import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from wordpieces import CLS_ID, PAD_ID, SEP_ID


def window(ids: list[int], limit: int, room: int, rng: random.Random) -> tuple[list[int], int]:
    """At most `room` ids out of the first `limit`, and where they begin: half the time the text's beginning."""
    ids = ids[:limit]
    if len(ids) <= room or rng.random() < 0.5:
        return ids[:room], 0
    start = rng.randrange(len(ids) - room + 1)
    return ids[start : start + room], start


def cut_span(ids: list[int], rng: random.Random) -> list[int]:
    """A short span out of a body, as a query of its own (inverse cloze, Lee et al. 2019)."""
    length = min(len(ids), rng.randint(4, 16))
    start = rng.randrange(len(ids) - length + 1)
    return ids[start : start + length]


def padded(rows: list[list[int]], fill: int = PAD_ID) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows])


def single_batch(texts: list[list[int]], starts: list[int] | None = None) -> dict[str, Tensor]:
    """[CLS] text [SEP] rows. `starts` shifts the positions of a window to where it stood in its text."""
    rows = [[CLS_ID, *ids, SEP_ID] for ids in texts]
    offsets = starts or [0] * len(rows)
    positions = [[0, *range(start + 1, start + len(row))] for row, start in zip(rows, offsets, strict=True)]
    ids = padded(rows)
    return {
        "input_ids": ids,
        "attention_mask": padded([[1] * len(row) for row in rows], 0),
        "position_ids": padded(positions, 0),
    }


def pair_batch(pairs: list[tuple[list[int], list[int]]]) -> dict[str, Tensor]:
    """[CLS] query [SEP] passage [SEP] rows."""
    rows = [[CLS_ID, *query, SEP_ID, *passage, SEP_ID] for query, passage in pairs]
    types = [[0] * (len(query) + 2) + [1] * (len(passage) + 1) for query, passage in pairs]
    return {
        "ids": padded(rows),
        "mask": padded([[1] * len(row) for row in rows], 0),
        "types": padded(types, 0),
    }


def one_cycle(model: torch.nn.Module, rate: float, steps: int) -> tuple[AdamW, OneCycleLR]:
    """AdamW without decay on biases and norms, and one cycle up to `rate` and down again."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = AdamW(groups, lr=rate)
    return optimizer, OneCycleLR(optimizer, max_lr=rate, total_steps=max(steps, 2), pct_start=0.1)


def step(model: torch.nn.Module, loss: Tensor, optimizer: AdamW, scheduler: OneCycleLR) -> float:
    """One update with clipped gradients; a loss that is not finite ends the training."""
    value = loss.item()
    if not math.isfinite(value):
        raise RuntimeError(f"The loss is {value}: the training has diverged. Lower the learning rate.")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    return value
