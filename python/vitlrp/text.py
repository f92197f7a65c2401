"""What a text holds of the score of an image: its tokens and words."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .explanation import LedgerEntry


class Cosines(NamedTuple):
    """Of an image's embedding and those of texts, from -1 to 1."""

    texts: npt.NDArray[np.float64]  # by output
    empty: float | None  # with a text without words; None where the text tower read none

    # Any image fits any text a little: `empty` is how much.


@dataclasses.dataclass(frozen=True)
class Token:
    """A token of a text."""

    text: str  # as people read it: "</w>" where a word of CLIP ends, U+2581 where one of SentencePiece begins
    id: int
    relevance: float


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of a text, as its tokenizer splits it."""

    text: str  # of the cleaned text; else "[start]", "[end]" or "[padding]"
    relevance: float  # the sum of its tokens
    tokens: tuple[Token, ...]
    special: bool  # it begins, ends or fills the text

    def __str__(self) -> str:
        return f"{self.text} {self.relevance:.4g}"


@dataclasses.dataclass(frozen=True)
class Words:
    """A text, and what its words hold of an image's logit: relevance_sum and the ledger add up to
    what is explained."""

    text: str  # as it was cleaned
    words: tuple[Word, ...]  # in their order
    explained: float  # the logit without its bias
    relevance_sum: float  # of all words
    ledger: tuple[LedgerEntry, ...]  # what the text tower absorbed, position embeddings too
    attention: str  # the rule

    def __str__(self) -> str:
        return ", ".join(str(word) for word in self.words)
