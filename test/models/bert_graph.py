"""The BERT body, the pair head and the three finished graphs, on top of GraphWriter."""

from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig

from encoders import InteractionHead
from graph import GraphWriter
from wordpieces import CLS_ID, SEP_ID

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
LOWEST = float(np.finfo(np.float32).min)


def embeddings(graph: GraphWriter, config: BertConfig, prefix: str) -> str:
    length = graph.op("Gather", graph.op("Shape", "input_ids"), graph.constant(1, np.int64), axis=0)
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    places = graph.op("Range", zero, length, one)
    name = f"{prefix}embeddings"
    words = graph.op("Gather", graph.weight(f"{name}.word_embeddings.weight"), "input_ids")
    types = graph.op("Gather", graph.weight(f"{name}.token_type_embeddings.weight"), "token_type_ids")
    positions = graph.op("Gather", graph.weight(f"{name}.position_embeddings.weight"), places)
    total = graph.op("Add", graph.op("Add", words, types), positions)
    return graph.layer_norm(total, f"{name}.LayerNorm")


def attention(graph: GraphWriter, states: str, blocked: str, config: BertConfig, name: str) -> str:
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    split = graph.constant([0, 0, heads, size], np.int64)

    def head(kind: str, order: list[int]) -> str:
        projected = graph.linear(states, f"{name}.self.{kind}")
        return graph.op("Transpose", graph.op("Reshape", projected, split), perm=order)

    query, key, value = head("query", [0, 2, 1, 3]), head("key", [0, 2, 3, 1]), head("value", [0, 2, 1, 3])
    scores = graph.op("Div", graph.op("MatMul", query, key), graph.constant(np.sqrt(size)))
    shares = graph.op("Softmax", graph.op("Add", scores, blocked), axis=-1)
    mixed = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[0, 2, 1, 3])
    flat = graph.op("Reshape", mixed, graph.constant([0, 0, config.hidden_size], np.int64))
    summed = graph.op("Add", graph.linear(flat, f"{name}.output.dense"), states)
    return graph.layer_norm(summed, f"{name}.output.LayerNorm")


def body(graph: GraphWriter, config: BertConfig, prefix: str) -> str:
    """Last hidden states [B, L, D]. Padding is kept out of the attention by the lowest float, as transformers does."""
    states = embeddings(graph, config, prefix)
    real = graph.op("Unsqueeze", graph.op("Cast", "attention_mask", to=1), graph.constant([1, 2], np.int64))
    blocked = graph.op("Mul", graph.op("Sub", graph.constant(1.0), real), graph.constant(LOWEST))
    for number in range(config.num_hidden_layers):
        name = f"{prefix}encoder.layer.{number}"
        attended = attention(graph, states, blocked, config, f"{name}.attention")
        inner = graph.gelu(graph.linear(attended, f"{name}.intermediate.dense"))
        summed = graph.op("Add", graph.linear(inner, f"{name}.output.dense"), attended)
        states = graph.layer_norm(summed, f"{name}.output.LayerNorm")
    return states


def write_dense(path: Path, state: dict[str, torch.Tensor], config: BertConfig) -> None:
    graph = GraphWriter(state)
    body(graph, config, "")
    graph.save(path, "dense", INPUTS, "last_hidden_state", ["batch", "sequence", config.hidden_size])


def write_splade(path: Path, state: dict[str, torch.Tensor], config: BertConfig) -> None:
    """The masked-LM head is tied: the word embeddings stand in the file once."""
    graph = GraphWriter(state)
    head = "cls.predictions"
    inner = graph.gelu(graph.linear(body(graph, config, "bert."), f"{head}.transform.dense"))
    states = graph.layer_norm(inner, f"{head}.transform.LayerNorm")
    words = graph.op("Transpose", graph.weight("bert.embeddings.word_embeddings.weight"), perm=[1, 0])
    graph.op("Add", graph.op("MatMul", states, words), graph.weight(f"{head}.bias"))
    graph.save(path, "splade", INPUTS, "logits", ["batch", "sequence", config.vocab_size])


def write_pair(path: Path, state: dict[str, torch.Tensor], config: BertConfig) -> None:
    """The interaction head as in encoders.InteractionHead, operation by operation."""
    graph = GraphWriter(state)
    states = body(graph, config, "bert.")
    words = graph.op("Gather", graph.weight("bert.embeddings.word_embeddings.weight"), "input_ids")
    last, second = graph.constant([-1], np.int64), graph.constant([1], np.int64)

    def number(flag: str) -> str:
        return graph.op("Cast", flag, to=1)

    def differs(token: int) -> str:
        return number(graph.op("Not", graph.op("Equal", "input_ids", graph.constant(token, np.int64))))

    def ratio(top: str, bottom: str) -> str:
        return graph.op("Div", top, graph.op("Max", bottom, graph.constant(1e-6)))

    def summed(value: str, axis: str, keep: int = 0) -> str:
        return graph.op("ReduceSum", value, axis, keepdims=keep)

    def norm(value: str) -> str:
        return graph.op("ReduceL2", value, axes=[-1], keepdims=1)

    special_free = graph.op("Mul", differs(CLS_ID), differs(SEP_ID))
    inner = graph.op("Mul", number("attention_mask"), special_free)
    passage = graph.op("Mul", inner, number("token_type_ids"))
    query = graph.op("Sub", inner, passage)
    importance = graph.op("Gather", graph.weight("interaction.importance.weight"), "input_ids")
    stretched = graph.op("Mul", graph.op("Squeeze", importance, last), graph.constant(InteractionHead.CONTRAST))
    soft = graph.op("Softplus", stretched)

    def outside(part: str) -> str:
        return graph.op("Mul", graph.op("Sub", part, graph.constant(1.0)), graph.constant(2.0))

    def shares(part: str) -> str:
        weights = graph.op("Mul", part, soft)
        return ratio(weights, summed(weights, second, 1))

    slope = graph.op("Mul", graph.weight("interaction.fade"), graph.constant(InteractionHead.FADE))
    faded = graph.op("Mul", graph.op("CumSum", passage, graph.constant(1, np.int64)), slope)
    outside_passage = graph.op("Unsqueeze", graph.op("Sub", outside(passage), faded), second)
    outside_query = graph.op("Unsqueeze", outside(query), last)
    query_shares, passage_shares = shares(query), shares(passage)

    def both_ways(value: str, name: str) -> list[str]:
        projected = graph.linear(value, f"interaction.{name}", bias=False)
        unit = ratio(projected, norm(projected))
        cosines = graph.op("MatMul", unit, graph.op("Transpose", unit, perm=[0, 2, 1]))
        answered = graph.op("ReduceMax", graph.op("Add", cosines, outside_passage), axes=[2], keepdims=0)
        nearest = graph.op("ReduceMax", graph.op("Add", cosines, outside_query), axes=[1], keepdims=0)
        about = graph.op("Max", nearest, graph.constant(-1.0))
        return [
            summed(graph.op("Mul", answered, query_shares), second, 1),
            summed(graph.op("Mul", about, passage_shares), second, 1),
        ]

    def mean(part: str) -> str:
        picked = graph.op("Mul", states, graph.op("Unsqueeze", part, last))
        count = graph.op("Max", summed(part, second, 1), graph.constant(1e-9))
        return graph.op("Div", summed(picked, second), count)

    left, right = mean(query), mean(passage)
    cosine = ratio(summed(graph.op("Mul", left, right), last, 1), graph.op("Mul", norm(left), norm(right)))
    length = graph.op("Log", graph.op("Add", summed(passage, second, 1), graph.constant(1.0)))
    features = graph.op("Concat", *both_ways(states, "states"), *both_ways(words, "words"), cosine, length, axis=1)
    graph.op("Mul", graph.linear(features, "interaction.mix"), graph.constant(InteractionHead.SHARPNESS))
    graph.save(path, "rerank", INPUTS, "logits", ["batch", 1])
