"""What decoding latents costs, and encoding pictures: floating-point operations and memory, as cost
counts them. No torch here.

They follow from reading diffusers' AutoencoderKLWan, Wan2.1's and Wan2.2's, and the tests hold them
to the real networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holocine_core.model.nano_net.cost import fold_decode_bytes, fold_decode_flops
from holocine_core.model.spec import WAN_VAE, FoldShape, VaeShape

FLOAT32 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """One level of the decoder while it works on one latent frame after the first."""

    blocks: tuple[tuple[int, int], ...]
    """Input and output channels of every residual block."""
    frames: int
    rows: int
    columns: int
    upsamples: bool
    doubles_frames: bool
    residual: bool = False
    """Whether its input is kept, repeated and added to its output."""

    @property
    def channels(self) -> int:
        return self.blocks[-1][1]

    @property
    def pixels(self) -> int:
        return self.rows * self.columns

    @property
    def frame(self) -> int:
        """Positions of its frames."""
        return self.frames * self.pixels

    @property
    def kept(self) -> int:
        """Values of the input that stay to be added."""
        return self.blocks[0][0] * self.frame * self.residual

    @property
    def enlarged(self) -> int:
        """Channels that the upsampling leaves."""
        return self.channels if self.residual else self.channels // 2

    def padded(self, channels: int) -> int:
        """Values of a 3x3x3 convolution's input with two cached frames and a border."""
        return channels * (self.frames + 2) * (self.rows + 2) * (self.columns + 2)


def _stages(vae: VaeShape, rows: int, columns: int) -> Iterator[_Stage]:
    """The decoder's levels from ``rows`` x ``columns`` latents up; the middle block leads."""
    top = vae.base * vae.multipliers[-1]
    yield _Stage(
        blocks=((top, top), (top, top)),
        frames=1,
        rows=rows,
        columns=columns,
        upsamples=False,
        doubles_frames=False,
    )
    frames, inputs = 1, top
    for level, multiplier in enumerate(reversed(vae.multipliers)):
        channels = vae.base * multiplier
        upsamples = level < len(vae.multipliers) - 1
        doubles = upsamples and vae.doubles_frames[level]
        stage = _Stage(
            blocks=((inputs, channels), *((channels, channels),) * vae.res_blocks),
            frames=frames,
            rows=rows,
            columns=columns,
            upsamples=upsamples,
            doubles_frames=doubles,
            residual=vae.residual,
        )
        yield stage
        frames, inputs = frames * (2 if doubles else 1), stage.enlarged
        rows, columns = (2 * rows, 2 * columns) if upsamples else (rows, columns)


def vae_decode_bytes(
    width: int, height: int, vae: VaeShape | FoldShape = WAN_VAE, *, cpu: bool = False
) -> int:
    """Bytes alive at the peak of a streamed float32 decode, one latent frame at a time.

    Every causal convolution keeps the last two frames of its input, for the next latent frame;
    on top come the tensors of the tightest moment, a convolution that joins, then pads its input
    or a spatial upsampling, and one decoded chunk of frames. Length does not matter.

    Args:
        width: Frame width in pixels, a multiple of the VAE's spatial stride.
        height: Frame height, likewise.
        vae: The decoder.
        cpu: Whether it runs on the CPU, where torch's 3-D convolution spreads its input out 27
            times (3x3x3) while it works.
    """
    if isinstance(vae, FoldShape):
        return fold_decode_bytes(width, height, vae)
    rows, columns = height // vae.stride, width // vae.stride
    kept = vae.latent_channels * rows * columns * 2
    tightest = 0
    for stage in _stages(vae, rows, columns):
        convolved = [c for inputs, outputs in stage.blocks for c in (inputs, outputs)]
        kept += 2 * stage.pixels * sum(convolved)
        kept += 2 * stage.pixels * stage.channels * stage.doubles_frames
        tightest = max(tightest, _residual_peak(stage, 27 * cpu), _upsample_peak(stage))
    kept += 2 * stage.pixels * vae.base
    chunk = vae.channels * stage.frame
    return FLOAT32 * (kept + tightest + chunk)


def vae_encode_bytes(
    width: int, height: int, frames: int, vae: VaeShape | FoldShape = WAN_VAE, *, cpu: bool = False
) -> int:
    """Bytes alive at the peak of a float32 encode of a whole clip, four frames at a time.

    Args:
        width: Frame width in pixels, a multiple of the VAE's spatial stride.
        height: Frame height, likewise.
        frames: Of the clip, whose pixels lie there meanwhile.
        vae: The encoder's VAE.
        cpu: As for :func:`vae_decode_bytes`.
    """
    pixels = 3 * frames * width * height
    if isinstance(vae, FoldShape):
        return fold_decode_bytes(width, height, vae) + FLOAT32 * pixels
    # Folded into channels they are there twice; so are the latents, with their spread.
    pixels *= 1 if vae.patch == 1 else 2
    latents = (frames // 4 + 1) * vae.latent_channels * (height // vae.stride) * width // vae.stride
    kept = tightest = 0
    rows, columns, channels = height // vae.patch, width // vae.patch, vae.base
    held = 4 if frames > 1 else 1
    for level, multiplier in enumerate(vae.multipliers):
        inputs, channels = channels, vae.base * multiplier
        blocks = ((inputs, channels), *((channels, channels),) * (vae.res_blocks - 1))
        stage = _Stage(
            blocks=blocks,
            frames=held,
            rows=rows,
            columns=columns,
            upsamples=False,
            doubles_frames=False,
            residual=vae.residual,
        )
        kept += 2 * stage.pixels * sum(sum(block) for block in blocks)
        tightest = max(tightest, _residual_peak(stage, 27 * cpu))
        if level < len(vae.multipliers) - 1:
            rows, columns = rows // 2, columns // 2
            if vae.doubles_frames[-1 - level]:
                kept += channels * rows * columns
                held = max(1, held // 2)
    kept += 2 * vae.channels * (height // vae.patch) * (width // vae.patch)
    return FLOAT32 * (kept + tightest + pixels + 6 * latents)


def _residual_peak(stage: _Stage, spread: int) -> int:
    """Values alive in the tightest residual block of a level; ``spread``: copies of the input."""
    frame = stage.frame
    peak = 0
    for index, (inputs, outputs) in enumerate(stage.blocks):
        held = (stage.blocks[0][0] * (index > 0) + inputs + outputs * (inputs != outputs)) * frame
        for channels in (inputs, outputs):
            cache = 2 * channels * stage.pixels
            joined = channels * frame + cache
            working = max(joined, (outputs + spread * channels) * frame)
            tight = held + stage.kept + channels * frame + cache + stage.padded(channels)
            peak = max(peak, tight + working)
    return peak


def _upsample_peak(stage: _Stage) -> int:
    """Values alive while a level's output is enlarged: held, enlarged, convolved; or while its
    repeated input is added."""
    if not stage.upsamples:
        return 0
    before = stage.channels * stage.frame
    doubled = before * (2 if stage.doubles_frames else 1)
    after = 4 * doubled * stage.enlarged // stage.channels
    working = max(before + doubled * (1 + 4) + after, 3 * after * stage.residual)
    return stage.blocks[0][0] * stage.frame + stage.kept + working


def decode_flops(
    width: int, height: int, latent_frames: int, vae: VaeShape | FoldShape = WAN_VAE
) -> int:
    """FLOPs of decoding a clip of ``latent_frames`` latent frames."""
    if isinstance(vae, FoldShape):
        return fold_decode_flops(width, height, latent_frames, vae)
    rows, columns = height // vae.stride, width // vae.stride
    first = _chunk_flops(vae, rows, columns, first=True)
    return first + (latent_frames - 1) * _chunk_flops(vae, rows, columns, first=False)


def _chunk_flops(vae: VaeShape, rows: int, columns: int, *, first: bool) -> int:
    """FLOPs of one latent frame; the first one stays one frame at every level."""
    area = rows * columns
    top = vae.base * vae.multipliers[-1]
    flops = 2 * area * (vae.latent_channels**2 + 27 * vae.latent_channels * top)
    flops += 2 * area * 4 * top**2 + 4 * area**2 * top
    for stage in _stages(vae, rows, columns):
        frames = 1 if first else stage.frames
        volume = frames * stage.pixels
        for inputs, outputs in stage.blocks:
            flops += 2 * 27 * volume * outputs * (inputs + outputs)
            flops += 2 * volume * inputs * outputs * (inputs != outputs)
        if stage.doubles_frames and not first:
            flops += 2 * 3 * volume * 2 * stage.channels**2
            volume *= 2
        if stage.upsamples:
            flops += 2 * 9 * 4 * volume * stage.channels * stage.enlarged
    return flops + 2 * 27 * volume * vae.base * vae.channels
