"""What the core reports while it works. The core never prints; whoever calls it decides.

Every event is a frozen value; ``Emit`` receives them in the order things happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmClaimed(Event):
    """A process has the film's work folder now."""

    worker: str
    """Which, and on which host."""
    before: str = ""
    """Whose it was, where that one did not give it back: it died, or was silent for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmEnded(Event):
    """The work on a film ended without a film."""

    kind: str
    """Of the error: ``input``, ``machine``, ``render`` or ``interrupted``."""
    message: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmStarted(Event):
    film: str
    takes: int
    """Takes the film needs."""
    to_shoot: int
    """Takes that the work folder does not hold yet."""
    place: str = ""
    """Where the film goes, from the work folder; empty where nothing is to be shot."""
    source: str = ""
    """Its screenplay's file, from the work folder."""
    holds: tuple[str, ...] = ()
    """What the film needs of the work folder: ``clips/KEY``, ``negatives/KEY``."""
    asked: str = ""
    """Tells renders apart that ask for other profiles, models or seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded(Event):
    model: str
    part: str
    seconds: float
    placement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeStarted(Event):
    scene: str
    state: str
    step: int
    """Denoising steps already done (above 0 when a stopped take goes on)."""
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone(Event):
    scene: str
    step: int
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesDecoded(Event):
    scene: str
    frames: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDone(Event):
    scene: str
    reused: bool
    seconds: float
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFailed(Event):
    scene: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutsSeen(Event):
    """What a finished take shows of its cuts, in frames of the scene."""

    scene: str
    asked: tuple[int, ...]
    missing: tuple[int, ...]
    """Asked ones that are not seen."""
    extra: tuple[int, ...]
    """Changes inside a shot that look like a cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmDone(Event):
    film: str
    frames: int
    seconds: float
    up_to_date: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageScanned(Event):
    """How much of a film was looked at."""

    film: str
    frames: int
    of: int
    """Frames of the film, as far as is known."""
    for_cuts: bool
    """Whether the second look, for cuts, is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleWritten(Event):
    """A training sample is there, made now or before."""

    sample: str
    number: int
    of: int
    """Samples of its film."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted(Event):
    out: str
    step: int
    """Steps already done (above 0 when a stopped run goes on)."""
    steps: int
    parameters: int
    """Numbers that are trained."""
    expert: str = ""
    """Which of two experts; empty where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentsDrawn(Event):
    size: str
    scenes: int
    of: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted(Event):
    phase: int
    of: int
    size: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStepDone(Event):
    step: int
    steps: int
    loss: float
    samples: int
    seconds: float
    tokens: int = 0
    """Video tokens of all passes."""
    rate_share: float = 0.0
    """Share of the operations that all devices would make of large products in that time."""
    memory_bytes: int = 0
    """Most that was held so far, of the GPU or of the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutMeasured(Event):
    step: int
    loss: float
    by_timestep: tuple[float, ...]
    """Loss per bin, from low noise to high."""
    swapped: float | None = None
    """Loss where every sample is told by another's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointKept(Event):
    step: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelExported(Event):
    step: int
    path: str
    best: int = 0
    """The step with the lowest held-out loss, whose checkpoint stays; 0 where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmShown(Event):
    step: int
    film: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something a person should know; the work goes on as announced."""

    message: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFetching(Event):
    """Bytes of a file have arrived."""

    file: str
    bytes: int
    """So far."""
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReady(Event):
    """A file is there, whole and as published."""

    file: str
    fetched: bool
    """False where it lay there already."""
    bytes: int = 0
    """Its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck(Event):
    """What was found of one file; also emitted as it is found."""

    path: Path
    state: Literal["ok", "missing", "changed", "unexpected"]
    note: str = ""


Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The emitter of those who do not listen."""


Stop = Callable[[], bool]
"""Asked between steps of long work: True keeps what is made so far and ends it."""


def never() -> bool:
    """The answer of those who do not stop."""
    return False
