"""Bytes that a pass of training keeps for its way back, and what it needs on that way.

The numbers of a token follow from what autograd keeps of diffusers' WanTransformer3DModel, counted
in real networks: on a CPU in runs, with the attention of model/attention/cpu.py, which keeps its
weights; for a GPU on torch's `meta` device, with CUDA's autocast rules and attention that keeps
none. The tests count again.

Letters: D width, F width of the feed-forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from holocine_core.model.cost import Geometry, keys_of_token
from holocine_core.model.spec import ModelSpec
from holocine_core.sampling import Attention

_KEPT: Mapping[tuple[str, bool, bool], tuple[float, float]] = {
    ("lora", True, False): (50, 4),
    ("lora", True, True): (38, 4.3),
    ("lora", False, False): (60, 8),
    ("lora", False, True): (60, 8),
    ("full", True, False): (68, 4),
    ("full", True, True): (51, 4),
    ("full", False, False): (88, 8),
    ("full", False, True): (77, 8),
}
"""Bytes of a token and block times D and times F: what is trained, whether in bfloat16, whether on
a CPU."""
_RANK = 60
"""Bytes of a token and block for each row of a LoRA's matrices."""
_TEXT = {True: 12, False: 16}
"""Bytes of a row of text and block, times D: whether in bfloat16. As many again before the blocks
in float32, and for weights that train where little else is kept."""
_UNPADDED = 128
"""Rows of text that a token sees where prompts are not filled up."""
_ENDS = {"lora": 4, "full": 16}
"""Bytes of a token before and behind the blocks, times D; the latter are gone when blocks that keep
only what enters them compute again."""
_GATHERED = 4
"""Bytes of a token and block, times D, of keys that sparse attention gathers on a GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is trained, and how it is computed.

    Args:
        train: LoRA's matrices or the weights.
        spec: The model.
        bf16: Whether passes run in bfloat16.
        cpu: Whether on a processor.
        checkpoint: Whether blocks keep only what enters them.
        rank: Of a LoRA.
        moving: Numbers that are trained, where this device holds them all; 0 where ranks part them,
            whose narrow copies are gone with each block.
        attention: Of the passes.
    """

    train: Literal["lora", "full"]
    spec: ModelSpec
    bf16: bool
    cpu: bool
    checkpoint: bool = False
    rank: int = 0
    moving: int = 0
    attention: Attention = "full"

    def seen(self, scenes: Sequence[Geometry]) -> float:
        """Share of a clip's tokens that one of them sees in self-attention, at most."""
        patch = self.spec.shape.patch**2
        return max(
            keys_of_token(self.spec, scene, attention=self.attention)
            / (scene.frames * scene.rows * scene.columns // patch)
            for scene in scenes
        )

    def pass_bytes(self, tokens: float, samples: int, keys: float) -> int:
        """Most bytes beside the weights, gradients and the optimizer, in a pass forward and back.

        Args:
            tokens: Video tokens of it on this device.
            samples: Clips.
            keys: Of self-attention that a token sees, mean.
        """
        shape, value = self.spec.shape, 2 if self.bf16 else 4
        width, ffn = shape.width, shape.ffn
        rows = self.spec.text_tokens if self.spec.text_padding else _UNPADDED
        by_width, by_ffn = _KEPT[self.train, self.bf16, self.cpu]
        token = by_width * width + by_ffn * ffn + _RANK * self.rank
        if self.cpu:
            token += value * shape.heads * (keys + rows)
        elif self.attention == "sparse":
            token += _GATHERED * width
        text = samples * rows * _TEXT[self.bf16] * width
        block = tokens * token + text
        copies = 2 * self.moving if self.bf16 else 0
        once = 0 if self.bf16 else text
        back = tokens * self._back
        if not self.checkpoint:
            held = tokens * _ENDS[self.train] * width + once
            return round(held + shape.layers * block + copies + back)
        held = tokens * (_ENDS["lora"] + shape.layers * value) * width
        held += text if self.train == "full" else once
        of_block = min(copies, 2 * (8 * width**2 + 2 * width * ffn))
        return round(held + max(copies, block + of_block + back))

    @property
    def _back(self) -> float:
        """Bytes of a token while a block goes back, beside what was kept."""
        width, ffn = self.spec.shape.width, self.spec.shape.ffn
        if self.train == "lora":
            return 9 * width + 6.5 * ffn if self.bf16 else width + 8 * ffn
        return max(10 * width, (8 if self.cpu else 3) * ffn)
