"""doctor: does everything on this machine that a render needs work, and what to do if not."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from holocine_core.errors import HolocineError, MachineError
from holocine_core.units import duration, file_size, memory

Verdict = Literal["ok", "warn", "fail"]
LOW_DISK, LOW_MEMORY = 5_000_000_000, 2 * 2**30
"""Below these a render of any length is at risk."""
SMOKE_FILM = """\
title: Doctor's test
size: 48x32
profiles: {standard: {steps: 2}}
global: A quiet room.
frames: 9
shots: [A lamp is lit., The lamp goes out.]
"""
"""Two shots and nine frames, small enough for any machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def examine(models_dir: Path | None) -> Iterator[Check]:
    """Look at everything in turn; ends with a tiny film, where what it needs is there."""
    yield Check(name="python", verdict="ok", found=f"{platform.python_version()}, {sys.executable}")
    packages = [_package(name) for name in ("torch", "diffusers", "transformers", "peft")]
    yield from packages
    yield _tried("ffmpeg", _ffmpeg)
    yield _disk()
    yield _memory()
    whole = all(package.verdict == "ok" for package in packages)
    if whole:
        yield _devices()
        yield _tried("kernel", _kernel)
    yield from _models(models_dir)
    if whole:
        yield _tried("film", _film)


def _tried(name: str, work: Callable[[], str]) -> Check:
    """A check that does the real thing; what it raises is its finding."""
    try:
        return Check(name=name, verdict="ok", found=work())
    except HolocineError as error:
        found = f"{error.message} ({error.where})" if error.where else error.message
        return Check(name=name, verdict="fail", found=found, remedy=error.hint)


def _package(name: str) -> Check:
    from importlib.metadata import PackageNotFoundError, version

    started = time.monotonic()
    try:
        importlib.import_module(name)
        found = version(name)
    except (ImportError, OSError, PackageNotFoundError) as error:
        remedy = "install holocine again, in this environment"
        return Check(name=name, verdict="fail", found=str(error), remedy=remedy)
    took = duration(time.monotonic() - started)
    return Check(name=name, verdict="ok", found=f"{found}, imported in {took}")


def _ffmpeg() -> str:
    """Encode eight frames with x264 and read them back."""
    import numpy as np

    from holocine_core.edit.delivery import VideoCodec, video_args
    from holocine_core.edit.ffmpeg import probe, write_frames
    from holocine_core.edit.process import ffmpeg_exe

    with tempfile.TemporaryDirectory(prefix="holocine-doctor-") as folder:
        path = Path(folder) / "test.mp4"
        frames = np.full((8, 32, 48, 3), 128, np.uint8)
        codec = (*video_args(VideoCodec(), ".mp4"), "-pix_fmt", "yuv420p")
        with write_frames(path, 48, 32, Fraction(24), codec) as writer:
            writer.write(frames)
        film = probe(path)
    if (film.frames, film.codec) != (8, "h264"):
        raise MachineError(
            f"8 frames came back as {film.frames} of {film.codec}",
            hint="set IMAGEIO_FFMPEG_EXE to a working ffmpeg",
        )
    return f"encodes and reads x264; {ffmpeg_exe()}"


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    low = free < LOW_DISK
    return Check(
        name="disk",
        verdict="warn" if low else "ok",
        found=f"{file_size(free)} free in {Path.cwd()}",
        remedy="free some space, or render on another disk with --work and -o" if low else "",
    )


def _memory() -> Check:
    from holocine_core.model.devices import free_memory

    free = free_memory("cpu")
    if free is None:
        return Check(name="memory", verdict="warn", found="this system does not tell")
    low = free < LOW_MEMORY
    return Check(
        name="memory",
        verdict="warn" if low else "ok",
        found=f"{memory(free)} free",
        remedy="close other programs" if low else "",
    )


def _devices() -> Check:
    """What torch can compute on, against what the system says is there."""
    import torch

    from holocine_core.model.devices import free_memory, visible_gpus

    listed = visible_gpus() or ()
    if torch.cuda.is_available():
        lines = []
        for device in (f"cuda:{i}" for i in range(torch.cuda.device_count())):
            free = memory(free_memory(device) or 0)
            lines.append(f"{device}: {torch.cuda.get_device_name(device)}, {free} free")
        return Check(name="device", verdict="ok", found="\n".join(lines))
    if listed:
        return Check(
            name="device",
            verdict="warn",
            found=f"{len(listed)} GPU by nvidia-smi, but torch {torch.__version__} sees none",
            remedy="install the torch build for this driver's CUDA version, from pytorch.org",
        )
    return Check(
        name="device",
        verdict="ok",
        found="cpu (nano films here; the 14B models want a CUDA GPU)",
    )


def _kernel() -> str:
    """How this processor computes small models fastest; measured where it was not."""
    from holocine_core.model import kernels
    from holocine_core.model.hardware import multiplies_bfloat16

    if not multiplies_bfloat16():
        return "float32: this processor does not multiply bfloat16"
    how = f"as {kernels.VARIABLE} says" if kernels.is_asked() else "as measured here"
    return f"{kernels.settle()}, {how}"


def _models(models_dir: Path | None) -> Iterator[Check]:
    from holocine_core.model.presence import model_states

    for state in model_states(models_dir):
        name, spec = state.name, state.spec
        verdict: Verdict = "ok"
        remedy = ""
        if state.presence != "here":
            verdict = "fail" if spec.embedded else "warn"
            remedy = f"holocine models pull {name}  ({file_size(state.bytes)})"
            if not spec.sources or state.fault is not None:
                remedy = state.hint
        if state.presence != "here" and spec.embedded:
            remedy = "pip install holocine again"
        found = f"{state.presence}, {state.where}\n{spec.licence}"
        yield Check(name=name, verdict=verdict, found=found, remedy=remedy)


def _film() -> str:
    """Make, read back and time a whole film."""
    from holocine_core.film.planning import plan_film
    from holocine_core.film.provenance import inspect
    from holocine_core.render import render
    from holocine_core.request import Request

    with tempfile.TemporaryDirectory(prefix="holocine-doctor-") as folder:
        screenplay = Path(folder) / "test.yaml"
        screenplay.write_text(SMOKE_FILM, encoding="utf-8")
        started = time.monotonic()
        film = render(plan_film(screenplay, Request(out=Path(folder) / "test.mp4")))
        told: dict[str, Any] = dict(inspect(film.path).provenance)
        took = duration(time.monotonic() - started)
    return (
        f"{film.frames} frames of '{told['title']}' in {took}, "
        f"with {len(told['takes'][0]['shots'])} shots and provenance"
    )
