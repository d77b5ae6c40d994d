"""A tiny static model for model2vec: a table of words, each with a row of its own."""

from pathlib import Path

import numpy as np

WORDS = tuple("tide harbour boats bread oven baker bell tower wedding comet tail line the and of in with it a".split())  # noqa: SIM905
DIMENSIONS = 8


def make_model(folder: Path) -> Path:
    """Save a model into a folder, and return that."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {"[UNK]": 0, "[PAD]": 1, **{word: place for place, word in enumerate(WORDS, 2)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.default_rng(3).standard_normal((len(vocabulary), DIMENSIONS)).astype(np.float32)
    table[:2] = 0
    StaticModel(table, tokenizer, {"normalize": True}).save_pretrained(str(folder))
    return folder
