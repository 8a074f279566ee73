"""A trained model as a folder laid out like a hub repository: configuration, tokenizer, ONNX file."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from encoders import DENSE_DIMENSIONS, PAIR_LIMIT, TEXT_LIMIT, WIDTH, bert_config
from wordpieces import CLS, CLS_ID, MASK, MASK_ID, PAD, PAD_ID, SEP, SEP_ID, SPECIAL, UNK, UNK_ID

LARGEST_FOLDER = 4_000_000


@dataclass(frozen=True, eq=False)
class Kind:
    """One of the three models: its folder's name, its length limit in tokens and what its config adds."""

    folder: str
    limit: int
    architecture: str
    extra: dict


DENSE = Kind(
    "rag-cells-sample-dense", TEXT_LIMIT, "BertModel", {"matryoshka_dimensions": list(DENSE_DIMENSIONS)}
)
SPLADE = Kind("rag-cells-sample-splade", TEXT_LIMIT, "BertForMaskedLM", {})
RERANK = Kind(
    "rag-cells-sample-rerank",
    PAIR_LIMIT,
    "BertWithInteractionHead",
    {
        "attention_probs_dropout_prob": 0.0,
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
        "sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"},
    },
)
KINDS = (DENSE, SPLADE, RERANK)


def write_json(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def model_config(kind: Kind, vocabulary: int) -> dict:
    bert = bert_config(vocabulary, kind.limit)
    names = (
        "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size max_position_embeddings "
        "type_vocab_size pad_token_id hidden_dropout_prob attention_probs_dropout_prob hidden_act layer_norm_eps "
        "initializer_range"
    )
    shape = {name: getattr(bert, name) for name in names.split()}
    fixed = {"position_embedding_type": "absolute", "tie_word_embeddings": True, "torch_dtype": "float32"}
    return {"architectures": [kind.architecture], "model_type": "bert", **shape, **fixed, **kind.extra}


def tokenizer_config(kind: Kind) -> dict:
    added = {
        str(index): {
            "content": piece,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for piece, index in zip(SPECIAL, (PAD_ID, UNK_ID, CLS_ID, SEP_ID, MASK_ID), strict=True)
    }
    return {
        "added_tokens_decoder": added,
        "clean_up_tokenization_spaces": True,
        "do_basic_tokenize": True,
        "do_lower_case": True,
        "model_max_length": kind.limit,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "tokenizer_class": "BertTokenizer",
        **special_tokens(),
    }


def special_tokens() -> dict:
    return {"cls_token": CLS, "mask_token": MASK, "pad_token": PAD, "sep_token": SEP, "unk_token": UNK}


def write_sentence_transformer_files(folder: Path, limit: int) -> None:
    """The files by which sentence-transformers knows the pooling and the order of its modules."""
    modules = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    write_json(
        folder / "modules.json",
        [
            {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{name}"}
            for index, (path, name) in enumerate(modules)
        ],
    )
    pooling = {"word_embedding_dimension": WIDTH}
    for mode in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"):
        pooling[f"pooling_mode_{mode}"] = mode == "mean_tokens"
    write_json(folder / "1_Pooling" / "config.json", {**pooling, "include_prompt": True})
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": limit, "do_lower_case": False})


def write_folder(root: Path, kind: Kind, tokenizer: Tokenizer) -> Path:
    """Everything but the ONNX file and the card, in a fresh folder. Returns the place of the ONNX file."""
    folder = root / kind.folder
    if folder.exists():
        shutil.rmtree(folder)
    write_json(folder / "config.json", model_config(kind, tokenizer.get_vocab_size()))
    write_json(folder / "tokenizer_config.json", tokenizer_config(kind))
    write_json(folder / "special_tokens_map.json", special_tokens())
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
    if kind is DENSE:
        write_sentence_transformer_files(folder, kind.limit)
    return folder / "onnx" / "model.onnx"


def folder_bytes(folder: Path) -> int:
    """The size of a model's folder; too large a folder is an error."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > LARGEST_FOLDER:
        raise RuntimeError(f"{folder} holds {size} bytes, more than {LARGEST_FOLDER}: make the vocabulary smaller.")
    return size
