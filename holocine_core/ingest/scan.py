"""One look at every frame of a film: what cuts are found by, in small, chunk by chunk on disk.

A chunk that is written is never made again, so a scan that was killed goes on behind the last one;
what a chunk holds does not depend on where a scan began.

Letters: n frame, H rows, W columns.
"""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holocine_core.errors import Interrupted, MachineError
from holocine_core.evaluate.cuts import INPUT, STEP, CutDetector
from holocine_core.events import Emit, FootageScanned, Stop
from holocine_core.ingest.footage import Footage, Picture, read_pictures
from holocine_core.store.files import atomic, read_json, write_json
from holocine_core.store.vault import disk_errors

CHUNK = 20 * STEP
"""Frames of a file; a multiple of the detector's step, so that its windows are those of the whole
film."""
_LOOKED_AT = 256
"""Longer side in pixels at which neighbouring frames are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A film, frame by frame.

    Attributes:
        time_n: In the film's ticks, rising.
        score_n: How much each differs from the one before, as PySceneDetect counts: mean difference
            of hue, saturation and brightness, 0..255.
        light_n: Mean brightness, 0..255.
        spread_n: Its standard deviation within the frame.
        torn_n: Whether frames before it could not be read.
        small_nHW3: Each frame in the size that TransNetV2 sees.
        cut_n: TransNetV2: how likely a shot ends with this frame.
        within_n: TransNetV2: how likely it belongs to a transition.
    """

    time_n: NDArray[np.int64]
    score_n: NDArray[np.float32]
    light_n: NDArray[np.float32]
    spread_n: NDArray[np.float32]
    torn_n: NDArray[np.bool_]
    small_nHW3: NDArray[np.uint8]
    cut_n: NDArray[np.float32]
    within_n: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.time_n)


FORMAT = 2
_WHOLE = "scan.json"
_SEEN = ("time_n", "score_n", "light_n", "spread_n", "torn_n", "small_nHW3")


def scan(footage: Footage, folder: Path, emit: Emit, should_stop: Stop) -> Scan:
    """Look at a film, or go on where that was stopped.

    Args:
        footage: The film.
        folder: Where its chunks are kept.
        emit: Told how far it is.
        should_stop: Asked after every chunk; what is scanned is kept.

    Raises:
        InputError: The picture changes on the way.
        MachineError: The disk failed, or TransNetV2 did.
        Interrupted: ``should_stop`` said so.
    """
    with disk_errors("keep what was seen", folder):
        folder.mkdir(parents=True, exist_ok=True)
    if (whole := _read(folder)) is not None:
        return whole
    seen = [path for path in _files(folder, "seen") if _load(path) is not None]
    ended = folder / "ended"
    if not ended.exists():
        _look(footage, folder, _whole_prefix(seen, folder), emit, should_stop)
        with disk_errors("keep what was seen", ended):
            ended.touch()
    _ask(footage, folder, emit, should_stop)
    return _join(folder)


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}-*.npz"))


def _path(folder: Path, kind: str, number: int) -> Path:
    return folder / f"{kind}-{number:06d}.npz"


def _whole_prefix(seen: list[Path], folder: Path) -> int:
    """How many chunks stand without a gap."""
    number = 0
    while number < len(seen) and seen[number] == _path(folder, "seen", number):
        number += 1
    return number


def _look(footage: Footage, folder: Path, number: int, emit: Emit, should_stop: Stop) -> None:
    """Read frames from chunk ``number`` on."""
    before = _load(_path(folder, "seen", number - 1)) if number else None
    since = int(before["time_n"][-1]) if before is not None else None
    rows: list[tuple[Any, ...]] = []
    differences = _Differences(footage.rate)
    size = _within(footage.width, footage.height)
    for seen in read_pictures(footage, size, since=since):
        score = differences.of(seen.pixels)
        if since is not None and seen.time == since:
            continue  # Only what the next one is compared with.
        rows.append((seen.time, score, *_light(seen.pixels), seen.torn, _shrunk(seen.pixels)))
        if len(rows) == CHUNK:
            _keep(_path(folder, "seen", number), dict(zip(_SEEN, _columns(rows), strict=True)))
            number, rows = number + 1, []
            _tell(footage, number * CHUNK, emit, asked=False)
            if should_stop():
                raise Interrupted("stopped while looking at footage; what was seen is kept")
            differences.forget()
    if rows:
        _keep(_path(folder, "seen", number), dict(zip(_SEEN, _columns(rows), strict=True)))
        _tell(footage, number * CHUNK + len(rows), emit, asked=False)


def _columns(rows: list[tuple[Any, ...]]) -> Iterator[NDArray[Any]]:
    kinds = (np.int64, np.float32, np.float32, np.float32, np.bool_, np.uint8)
    for column, kind in zip(zip(*rows, strict=True), kinds, strict=True):
        yield np.array(column, kind)


def _ask(footage: Footage, folder: Path, emit: Emit, should_stop: Stop) -> None:
    """TransNetV2's word on every chunk, with as much around it as its windows see."""
    numbers = range(len(_files(folder, "seen")))
    left = [n for n in numbers if _load(_path(folder, "asked", n)) is None]
    if not left:
        return
    with CutDetector() as detector:
        for number in left:
            pieces = [_smalls(folder, n) for n in (number - 1, number, number + 1) if n in numbers]
            around = np.concatenate(pieces)
            begins = len(pieces[0]) if number else 0
            ends = begins + len(_smalls(folder, number))
            first = max(0, begins - STEP)
            cut, within = detector.probabilities(around[first : ends + STEP])
            mine = slice(begins - first, ends - first)
            _keep(_path(folder, "asked", number), {"cut_n": cut[mine], "within_n": within[mine]})
            _tell(footage, number * CHUNK + ends - begins, emit, asked=True)
            if should_stop():
                raise Interrupted("stopped while cuts were found; what was found is kept")


def _smalls(folder: Path, number: int) -> NDArray[np.uint8]:
    smalls: NDArray[np.uint8] = _loaded(_path(folder, "seen", number))["small_nHW3"]
    return smalls


def _tell(footage: Footage, frames: int, emit: Emit, *, asked: bool) -> None:
    expected = footage.frames or round(footage.seconds * float(footage.rate))
    emit(
        FootageScanned(
            film=str(footage.path), frames=frames, of=max(frames, expected), for_cuts=asked
        )
    )


def _join(folder: Path) -> Scan:
    """All chunks as one array each, on disk: the frames of a long film are more than memory."""
    seen, asked = _files(folder, "seen"), _files(folder, "asked")
    for field in fields(Scan):
        files = seen if field.name in _SEEN else asked
        parts = (_loaded(path)[field.name] for path in files)
        path = folder / f"{field.name}.npy"
        with disk_errors("keep what was seen", path), atomic(path) as made:
            _concatenate(made, parts, sum(len(_loaded(one)["time_n"]) for one in seen))
    with disk_errors("keep what was seen", folder):
        write_json(folder / _WHOLE, {"format": FORMAT})
        for path in (*seen, *asked):
            path.unlink()
    joined = _read(folder)
    assert joined is not None
    return joined


def _concatenate(path: Path, parts: Iterator[NDArray[Any]], count: int) -> None:
    out, at = None, 0
    for part in parts:
        if out is None:
            out = np.lib.format.open_memmap(
                path, mode="w+", dtype=part.dtype, shape=(count, *part.shape[1:])
            )
        out[at : at + len(part)] = part
        at += len(part)
        let_go(out)
    assert out is not None
    out.flush()


def let_go(mapped: NDArray[Any]) -> None:
    """Give back what was looked at of an array that lies in a file: until the system needs it for
    something else it counts as memory of this process."""
    file = getattr(mapped, "_mmap", None)
    if file is not None and hasattr(mmap, "MADV_DONTNEED"):
        file.madvise(mmap.MADV_DONTNEED)


def _read(folder: Path) -> Scan | None:
    """A scan that was finished; its small frames stay on disk until they are looked at."""
    if (read_json(folder / _WHOLE) or {}).get("format") != FORMAT:
        return None
    arrays = {
        field.name: np.load(
            folder / f"{field.name}.npy", mmap_mode="r" if field.name == "small_nHW3" else None
        )
        for field in fields(Scan)
    }
    return Scan(**arrays)


def _keep(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    with disk_errors("keep what was seen", path), atomic(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _loaded(path: Path) -> dict[str, NDArray[Any]]:
    held = _load(path)
    if held is None:
        raise MachineError(
            "what was seen of the film is damaged",
            where=str(path),
            hint="check the disk, remove this file and run the same command again",
        )
    return held


def _load(path: Path) -> dict[str, NDArray[Any]] | None:
    """A chunk; None where it isn't there or is damaged: zip files know their checksums."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


class _Differences:
    """PySceneDetect's content score of each frame against the one before."""

    def __init__(self, rate: Any) -> None:
        from scenedetect import FrameTimecode

        self._timecode, self._rate = FrameTimecode, float(rate)
        self._count = 0
        self.forget()

    def forget(self) -> None:
        """Let go of the scores of frames before; the last frame is still compared with."""
        from scenedetect import ContentDetector
        from scenedetect.stats_manager import StatsManager

        held = getattr(self, "_last", None)
        self._detector = ContentDetector()
        self._detector.stats_manager = self._stats = StatsManager()
        if held is not None:
            self.of(held)

    def of(self, pixels: Picture) -> float:
        at = self._timecode(self._count, self._rate)
        self._count += 1
        self._last = pixels
        self._detector.process_frame(at, np.ascontiguousarray(pixels[..., ::-1]))
        if not self._stats.metrics_exist(at, ["content_val"]):
            return 0.0
        return float(self._stats.get_metrics(at, ["content_val"])[0])


def _within(width: int, height: int) -> tuple[int, int]:
    """A picture's size at which it is looked at: even, in its shape."""
    share = min(1.0, _LOOKED_AT / max(width, height))
    return max(2, 2 * round(width * share / 2)), max(2, 2 * round(height * share / 2))


def _light(pixels: Picture) -> tuple[float, float]:
    """Mean and spread of a picture's brightness."""
    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return float(luma.mean()), float(luma.std())


def _shrunk(pixels: Picture) -> Picture:
    import cv2

    small: Picture = cv2.resize(pixels, INPUT[::-1], interpolation=cv2.INTER_AREA)
    return small
