"""The codec's training recipe: one frozen tree, unknown keys refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from holocine_core.lab.stage.sample import JUDGE_SEEDS
from holocine_core.model.spec import FOLD_STRIDE
from holocine_core.sampling import FrameSize, Frozen
from holocine_core.script.screenplay import Seed, Text
from holocine_core.train.recipe import Precision

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class CodecShape(Frozen):
    """Dimensions of an AutoencoderFold, as its config names them."""

    z_dim: Count = 24
    """Latent channels."""
    encoder_widths: tuple[Count, Count] = (256, 128)
    decoder_widths: tuple[Count, Count, Count] = (192, 96, 48)
    """Channels at 1/8, 1/4 and 1/2 of the resolution."""
    decoder_blocks: tuple[Count, Count, Count] = (2, 2, 1)
    """Residual blocks there."""


class Pictures(Frozen):
    """Drawn scenes of one frame size."""

    size: FrameSize
    """Width x height."""
    scenes: Count
    """Scenes of two short shots each."""
    keep: Count = 4
    """Latent frames that are kept of every scene."""
    first_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the first scene."""

    @model_validator(mode="after")
    def _not_held_out(self) -> Pictures:
        if self.first_seed + self.scenes > JUDGE_SEEDS:
            raise ValueError(
                f"scenes from seed {JUDGE_SEEDS} on are kept to measure by; lower `first_seed` or "
                "`scenes`"
            )
        return self

    @property
    def width(self) -> int:
        return int(self.size.split("x")[0])

    @property
    def height(self) -> int:
        return int(self.size.split("x")[1])


class CodecLoss(Frozen):
    """What a decoded picture is measured by; pixels are -1..1."""

    squared: Annotated[float, Field(ge=0)] = 1.0
    absolute: Annotated[float, Field(ge=0)] = 0.02
    edges: Annotated[float, Field(ge=0)] = 0.02
    """Absolute difference of the steps from pixel to pixel."""
    noise: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Spread of the noise that latents are decoded with, in spreads of their channel: decoding
    has to bear the errors of a generator."""


class CodecRecipe(Frozen):
    """A whole run. Paths are relative to the folder that the command is called in."""

    out: Text
    """Folder for config.json, the weights and what was measured."""
    seed: Seed = 0
    """Decides the weights' beginning, order, crops and noise."""
    shape: CodecShape = CodecShape()
    start: Text | None = None
    """Folder of a codec whose decoder is trained further. Its encoder stays as it is, so that
    models that were trained on its latents still fit; `shape` is not read."""
    pictures: Annotated[tuple[Pictures, ...], Field(min_length=1)]
    """What is drawn to learn from; a size is chosen as often as it has latent frames."""
    crop: FrameSize = "80x64"
    """Part of the picture that one pass sees, or the whole of smaller ones."""
    steps: Count
    """Optimizer steps."""
    batch: Count = 16
    """Latent frames in one step."""
    lr: Annotated[float, Field(gt=0, le=1)] = 2e-3
    """Highest learning rate."""
    linear: Share = 0.1
    """Part of it that the two linear ways take: they begin as good as they can be alone."""
    warm_up: Annotated[int, Field(ge=0)] = 50
    """Steps in which it rises."""
    decay: Share = 0.4
    """Share of all steps in which it falls to nothing, at the end."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """Decay of the averaged weights, which are the ones kept; shorter at first."""
    loss: CodecLoss = CodecLoss()
    precision: Precision = "auto"
    """Of the passes; weights and optimizer are float32. auto: bf16 where the device multiplies it,
    else float32."""
    held_out: Count = 12
    """Scenes of every size that it is measured on in the end, never trained on."""

    @model_validator(mode="after")
    def _fits(self) -> CodecRecipe:
        for size in (self.crop, *(pictures.size for pictures in self.pictures)):
            if any(int(side) % FOLD_STRIDE for side in size.split("x")):
                raise ValueError(f"{size} is no multiple of {FOLD_STRIDE}; change the size")
        return self
