"""What of a decision went through which hidden units."""

from __future__ import annotations

import dataclasses

from . import _check
from .explanation import Class


@dataclasses.dataclass(frozen=True, eq=False)
class Unit:
    """A hidden unit in one explanation; numbers are in the unit of the logits."""

    name: str  # BLOCK:SITE:INDEX, from 0
    block: int
    index: int
    relevance: float  # summed over tokens
    share: float  # of what is explained
    activation: float  # the largest of a token; of a head the norm of its outputs
    token: int  # which, in the sequence that the model sees
    place: tuple[int, int] | None  # row and column of its patch; None: a token in front of them
    first_order_drop: float  # what is explained loses without the unit, by the gradient
    drop: float | None  # likewise, by a forward pass; None: not asked for, or of the stream
    heatmap: _check.Floats | None  # of the patches: relevance that goes through this unit alone

    def __str__(self) -> str:
        return f"{self.name} {100 * self.share:+.1f} %"


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """The half of a block that the units lie in. Blocks are in series: the shares of different ones
    do not add up."""

    index: int
    units: tuple[Unit, ...]
    entering: float  # relevance of the stream in front of the block
    branch: float  # what arrives behind the branch of the units
    shortcut: float  # and beside it
    leaving: float  # of the stream behind the block


@dataclasses.dataclass(frozen=True, eq=False)
class Attention:
    """Where the heads look: from the tokens that the model's head reads (CLS; of a mean, by their
    shares in it) to all tokens. What a head looks at is not yet what it says: Neurons has its
    relevance."""

    weights: _check.Floats  # (depth, heads, tokens): of each head they add up to 1
    heatmaps: _check.Floats  # (depth, heads, rows, columns): those of the patches

    def __str__(self) -> str:
        depth, heads, tokens = self.weights.shape
        return f"{depth} blocks of {heads} heads over {tokens} tokens"


@dataclasses.dataclass(frozen=True, eq=False)
class Neurons:
    """Hidden units by relevance, for one class of one image."""

    site: str
    method: str
    target: Class
    versus: Class | None
    explained: float
    logits: _check.Floats
    blocks: tuple[Block, ...]
    scores: _check.Floats  # (depth, units of a block): relevance of all
    activations: _check.Floats  # likewise: the largest of a token
    first_order_drops: _check.Floats  # likewise
    tokens: _check.Floats  # (depth + 1, tokens): relevance of those that enter block 0 or leave a block

    def __str__(self) -> str:
        lines = (f"block {b.index}: " + ", ".join(map(str, b.units)) for b in self.blocks)
        return "\n".join(lines)
