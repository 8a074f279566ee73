"""What both benchmarks beside sentence-transformers compute with: a BertModel with random weights, and the texts."""

import json
import tempfile

import torch
from sentence_transformers import SentenceTransformer, models
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast


def read_texts(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def bert_encoder(folder: str, max_tokens: int, device: str) -> tuple[SentenceTransformer, int]:
    """Mean of the tokens' states, length 1, for a model of the shape of the folder's config.json; and its width."""
    torch.manual_seed(1)
    config = BertConfig.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as place:
        BertModel(config, add_pooling_layer=False).save_pretrained(place)
        PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(place)
        transformer = models.Transformer(place, max_seq_length=max_tokens)
        pooling = models.Pooling(config.hidden_size, pooling_mode="mean")
        return SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device=device), config.hidden_size
