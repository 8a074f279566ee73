"""The largest logit of each word piece over a text's tokens, without keeping the [B, L, V] logits for the way back."""

import torch
from torch import Tensor


class VocabularyMax(torch.autograd.Function):
    """relu(max over tokens of (states @ words.T + bias)): [B, L, D], [B, L], [V, D], [V] -> [B, V].

    Only one token gives each maximum and few maxima are positive, so the gradient is a
    short list of (text, token, word piece) triples instead of a dense tensor.
    """

    @staticmethod
    def forward(ctx, states: Tensor, mask: Tensor, words: Tensor, bias: Tensor) -> Tensor:
        tops, places = [], []
        for row, real in zip(states, mask, strict=True):
            top, place = (row[: int(real.sum())] @ words.T).max(0)
            tops.append(top)
            places.append(place)
        values = torch.relu(torch.stack(tops) + bias)
        ctx.save_for_backward(states, words, torch.stack(places), values)
        return values

    @staticmethod
    def backward(ctx, gradient: Tensor):
        states, words, places, values = ctx.saved_tensors
        texts, pieces = torch.nonzero((values > 0) & (gradient != 0), as_tuple=True)
        amount = gradient[texts, pieces].unsqueeze(1)
        tokens = texts * states.shape[1] + places[texts, pieces]
        flat = states.reshape(-1, states.shape[2])
        to_states = torch.zeros_like(flat).index_add_(0, tokens, amount * words[pieces])
        to_words = torch.zeros_like(words).index_add_(0, pieces, amount * flat[tokens])
        to_bias = torch.zeros(len(words)).index_add_(0, pieces, amount.squeeze(1))
        return to_states.view_as(states), None, to_words, to_bias
