"""The table of delivery codecs, and the ffmpeg options that follow from a row of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from holocine_core.errors import InputError

Codec = Literal["h264", "h265", "av1", "prores"]
Fit = Literal["pad", "crop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCodec:
    """How a film is compressed; None leaves the table's choice."""

    codec: Codec = "h264"
    crf: int | None = None
    """Constant quality: smaller is better and bigger; 0 is the best the codec has."""
    preset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    encoder: tuple[str, ...]
    pixels: str
    chroma: tuple[int, int]
    """Width and height are multiples of these."""
    suffixes: tuple[str, ...]
    sound: tuple[str, ...]
    crf: int | None = None
    top_crf: int = 0
    preset: str | None = None
    presets: tuple[str, ...] = ()


_X26X = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower")
_AAC = ("-c:a", "aac", "-b:a", "192k")
_PCM = ("-c:a", "pcm_s16le")

# Thread counts are fixed where the codec's bits depend on them, so that a film has the same bytes
# on every machine.
_CODECS: Mapping[str, _Row] = {
    "h264": _Row(
        encoder=("-c:v", "libx264", "-threads", "8"),
        pixels="yuv420p",
        chroma=(2, 2),
        suffixes=(".mp4", ".mov", ".mkv"),
        sound=_AAC,
        crf=17,
        top_crf=51,
        preset="medium",
        presets=(*_X26X, "veryslow"),
    ),
    "h265": _Row(
        encoder=("-c:v", "libx265", "-x265-params", "frame-threads=2:log-level=error"),
        pixels="yuv420p",
        chroma=(2, 2),
        suffixes=(".mp4", ".mov", ".mkv"),
        sound=_AAC,
        crf=20,
        top_crf=51,
        preset="medium",
        presets=(*_X26X, "veryslow"),
    ),
    "av1": _Row(
        encoder=("-c:v", "libsvtav1"),
        pixels="yuv420p",
        chroma=(2, 2),
        suffixes=(".mp4", ".mkv"),
        sound=_AAC,
        crf=24,
        top_crf=63,
        preset="6",
        presets=tuple(str(speed) for speed in range(14)),
    ),
    "prores": _Row(
        encoder=("-c:v", "prores_ks", "-profile:v", "hq", "-vendor", "apl0"),
        pixels="yuv422p10le",
        chroma=(2, 1),
        suffixes=(".mov", ".mkv"),
        sound=_PCM,
    ),
}


def check_video(video: VideoCodec, size: tuple[int, int], out: Path) -> None:
    """Raise InputError where codec, quality, frame size and file type do not go together."""
    row = _CODECS[video.codec]
    if out.suffix.lower() not in row.suffixes:
        names = ", ".join(row.suffixes)
        kind = f"a '{out.suffix}' file" if out.suffix else "a file without an ending"
        raise InputError(
            f"{video.codec} does not go into {kind}",
            where=str(out),
            hint=f"end the name in one of {names}",
        )
    check_quality(video)
    if video.preset is not None and video.preset not in row.presets:
        can = ", ".join(row.presets) or "none"
        raise InputError(f"preset '{video.preset}': {video.codec} has {can}", hint="drop `preset`")
    for side, name, step in zip(size, ("width", "height"), row.chroma, strict=True):
        if side < step or side % step:
            raise InputError(
                f"a film of {size[0]}x{size[1]}: {video.codec} needs a {name} divisible by {step}",
                hint="deliver in an even size",
            )


def usual_suffix(codec: Codec) -> str:
    """How a film of this codec is usually named."""
    return _CODECS[codec].suffixes[0]


def check_quality(video: VideoCodec) -> None:
    """Raise InputError where the codec has no such quality."""
    row = _CODECS[video.codec]
    if video.crf is None or (row.crf is not None and 0 <= video.crf <= row.top_crf):
        return
    can, remedy = "none", "drop `quality`"
    if row.crf is not None:
        can, remedy = f"0 to {row.top_crf}", f"write one of 0 to {row.top_crf}, or drop `quality`"
    raise InputError(f"quality {video.crf}: {video.codec} takes {can}", hint=remedy)


def video_args(video: VideoCodec, suffix: str) -> tuple[str, ...]:
    """Encoder options of a checked ``video``; the picture comes from :func:`picture_filter`."""
    row = _CODECS[video.codec]
    crf = row.crf if video.crf is None else video.crf
    args = row.encoder
    if crf is not None:
        args += ("-crf", str(crf), "-preset", video.preset or row.preset or "")
    if video.codec == "h265" and suffix != ".mkv":
        args += ("-tag:v", "hvc1")  # the only tag Apple's players open
    return args


def sound_args(video: VideoCodec) -> tuple[str, ...]:
    """Options for the sound that goes with ``video``."""
    return _CODECS[video.codec].sound


def pixel_format(video: VideoCodec) -> str:
    return _CODECS[video.codec].pixels


def picture_filter(
    video: VideoCodec, size: tuple[int, int], to: tuple[int, int], fit: Fit = "pad"
) -> str:
    """The filter from RGB of ``size`` to the codec's pixels of ``to``: BT.709, limited range.

    Shapes that differ are not stretched: ``pad`` adds black, ``crop`` cuts the longer side.
    """
    row = _CODECS[video.codec]
    width, height = _fitted(size, to, fit, row.chroma)
    exact = "flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
    parts = [
        f"scale={width}:{height}:{exact}:out_color_matrix=bt709:out_range=limited",
        f"format={row.pixels}",
    ]
    if (width, height) != to:
        both = f"{to[0]}:{to[1]}"
        parts.append(f"pad={both}:(ow-iw)/2:(oh-ih)/2" if fit == "pad" else f"crop={both}")
    tags = "range=limited:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    return ",".join([*parts, "setsar=1", f"setparams={tags}"])


def _fitted(
    size: tuple[int, int], to: tuple[int, int], fit: Fit, steps: tuple[int, int]
) -> tuple[int, int]:
    """``size`` scaled in its own shape into (pad) or over (crop) ``to``, on the codec's steps."""
    by_width = to[0] * size[1] < to[1] * size[0]
    if by_width == (fit == "pad"):
        scaled = (to[0], _nearest(to[0] * size[1], size[0], steps[1]))
    else:
        scaled = (_nearest(to[1] * size[0], size[1], steps[0]), to[1])
    pick = min if fit == "pad" else max
    return pick(scaled[0], to[0]), pick(scaled[1], to[1])


def _nearest(top: int, bottom: int, step: int) -> int:
    """``top / bottom`` rounded half up to a multiple of ``step``, at least one of it."""
    return max(step, (2 * top + bottom * step) // (2 * bottom * step) * step)
