"""The shapes of the three models in torch, and how their outputs become vectors and scores."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM, BertModel

from wordpieces import CLS_ID, PAD_ID, SEP_ID

WIDTH = 128
DENSE_DIMENSIONS = (128, 64, 32)
TEXT_LIMIT = 256
PAIR_LIMIT = 320


def bert_config(vocabulary: int, positions: int, attention_dropout: float = 0.1) -> BertConfig:
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=positions,
        type_vocab_size=2,
        pad_token_id=PAD_ID,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=attention_dropout,
        tie_word_embeddings=True,
    )


def mean_pooled(states: Tensor, mask: Tensor) -> Tensor:
    """[B, L, D] and [B, L] -> [B, D], the mean over the real tokens, not normalised."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def splade_pooled(logits: Tensor, mask: Tensor) -> Tensor:
    """[B, L, V] and [B, L] -> [B, V]: log(1 + relu(.)), the maximum over the real tokens (SPLADE v2, Formal et al. 2021).

    The maximum is taken first: log1p and relu are monotone, so the result is the same.
    """
    masked = logits.masked_fill(mask.unsqueeze(-1) == 0, float("-inf"))
    return torch.log1p(F.relu(masked.amax(1)))


def dense_model(vocabulary: int) -> BertModel:
    return BertModel(bert_config(vocabulary, TEXT_LIMIT), add_pooling_layer=False)


def splade_model(vocabulary: int) -> BertForMaskedLM:
    return BertForMaskedLM(bert_config(vocabulary, TEXT_LIMIT))


class InteractionHead(nn.Module):
    """Late interaction inside a pair model: one logit from `[CLS] query [SEP] passage [SEP]`.

    Each query token takes its best cosine among the passage's tokens, less a fade for each token that
    stands before it there (as ColBERT's MaxSim, Khattab and Zaharia 2020); the mean over the query, by
    a learned weight for each word piece, is how much of the query the passage answers. The same from
    the passage's side is how much of the passage is about the query. Both are taken on projected last
    states and on projected word embeddings. With the cosine of the two mean states and the logarithm
    of the passage's length that makes six features; the logit is their learned linear mix.
    """

    # These stretch a parameter, so that the rate which suits the body moves the head as well.
    SHARPNESS = 20.0
    CONTRAST = 10.0
    FADE = 0.01

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.states = nn.Linear(WIDTH, WIDTH, bias=False)
        self.words = nn.Linear(WIDTH, WIDTH, bias=False)
        self.importance = nn.Embedding(vocabulary, 1)
        self.fade = nn.Parameter(torch.tensor([0.2]))
        self.mix = nn.Linear(6, 1)
        with torch.no_grad():
            self.states.weight.copy_(torch.eye(WIDTH))
            self.words.weight.copy_(torch.eye(WIDTH))
            self.importance.weight.zero_()
            self.mix.weight.copy_(torch.tensor([[0.3, 0.1, 0.6, 0.1, 0.3, 0.0]]))
            self.mix.bias.fill_(-0.4)

    def forward(self, states: Tensor, words: Tensor, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """States and words [B, L, D], the rest [B, L] -> logits [B, 1]."""
        inner = ((mask == 1) & (ids != CLS_ID) & (ids != SEP_ID)).to(states.dtype)
        passage = inner * types.to(states.dtype)
        query = inner - passage
        importance = F.softplus(self.importance(ids).squeeze(-1) * self.CONTRAST)
        last = int((mask - types).sum(1).max())  # no query token stands at or behind this place
        outside_passage = (passage - 1.0) * 2.0 - passage.cumsum(1) * (self.fade * self.FADE)
        outside_query = (query[:, :last] - 1.0) * 2.0

        def shares(part: Tensor) -> Tensor:
            weights = part * importance
            return weights / weights.sum(1, keepdim=True).clamp(min=1e-6)

        query_shares, passage_shares = shares(query)[:, :last], shares(passage)

        def both_ways(vectors: Tensor) -> list[Tensor]:
            unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-6)
            cosines = unit[:, :last] @ unit.transpose(1, 2)
            answered = (cosines + outside_passage.unsqueeze(1)).max(2).values
            # -1, the least a cosine can be, where a query has no tokens at all.
            about = (cosines + outside_query.unsqueeze(2)).max(1).values.clamp(min=-1.0)
            return [(answered * query_shares).sum(1), (about * passage_shares).sum(1)]

        query_mean = mean_pooled(states, query)
        passage_mean = mean_pooled(states, passage)
        norms = query_mean.norm(dim=-1) * passage_mean.norm(dim=-1)
        cosine = (query_mean * passage_mean).sum(-1) / norms.clamp(min=1e-6)
        length = torch.log(passage.sum(1) + 1.0)
        features = [*both_ways(self.states(states)), *both_ways(self.words(words)), cosine, length]
        return self.mix(torch.stack(features, dim=1)) * self.SHARPNESS


class PairModel(nn.Module):
    """A BERT body and the interaction head: input_ids, attention_mask, token_type_ids [B, L] -> logits [B, 1]."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        # Without dropout on the attention torch takes its fast one, which long pairs need.
        self.bert = BertModel(bert_config(vocabulary, PAIR_LIMIT, attention_dropout=0.0), add_pooling_layer=False)
        self.interaction = InteractionHead(vocabulary)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        states = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
        words = self.bert.embeddings.word_embeddings(ids)
        return self.interaction(states, words, ids, mask, types)
