"""What a caller asks of footage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.ingest.scenes import LENGTHS
from holocine_core.model.spec import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """None leaves the word to the model."""

    files: tuple[Path, ...]
    """Films."""
    out: Path
    """Folder of the samples."""
    model: str = "nano"
    """The model that is to learn from them: a name or a folder."""
    models_dir: Path | None = None
    """Where downloaded models lie; the user's cache where None."""
    size: tuple[int, int] | None = None
    """Width and height of the clips; those of the model's standard profile where None."""
    lengths: tuple[float, ...] = ()
    """Seconds of scenes; those of the paper's that the model was trained on where empty."""
    caption_model: str = ""
    """Folder or hub name of an image-text-to-text model that writes captions."""
    caption_command: str = ""
    """A command that writes them instead."""
    device: str = "auto"
    """Of the caption model."""
    answers: Path | None = None
    """A file of the review page."""
    review: bool = False
    """Whether to write the page."""

    def __post_init__(self) -> None:
        if self.caption_model and self.caption_command:
            raise InputError(
                "captions are written by a model or by a command",
                hint="give --caption-model or --caption-command, not both",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What samples look like.

    Attributes:
        size: Width and height.
        fps: Frames per second.
        lengths: Seconds of scenes, ascending.
        longest: Frames of the longest scene.
        model: As a screenplay names it.
    """

    size: tuple[int, int]
    fps: int
    lengths: tuple[float, ...]
    longest: int
    model: str


def form_of(request: IngestRequest, spec: ModelSpec) -> Form:
    """The samples' form.

    Raises:
        InputError: The size is none of the model's.
    """
    standard = spec.profiles["standard"]
    size = request.size or (standard.width, standard.height)
    step = spec.size_multiple
    if size[0] % step or size[1] % step:
        raise InputError(
            f"{size[0]}x{size[1]} is no size for {spec.name}",
            where="--size",
            hint=f"both sides are multiples of {step} pixels",
        )
    longest = spec.max_frames
    lengths = tuple(sorted(set(request.lengths)))
    if not lengths:
        lengths = tuple(one for one in LENGTHS if one * spec.fps <= longest) or (
            longest / spec.fps,
        )
    longest = max(longest, *(round(one * spec.fps) for one in lengths))
    return Form(size=size, fps=spec.fps, lengths=lengths, longest=longest, model=request.model)
