"""A picture of the take at work: what the network expects of it so far, a frame of every shot.

Its clean latents are seen as colours by a linear map (model/colours.py): no codec is opened, and
nothing of it reaches the film. Letters: N shot, C channel, H W rows and columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from holocine_core.errors import HolocineError
from holocine_core.events import Emit, Warned
from holocine_core.model.colours import Colours, colours_of
from holocine_core.model.components import LocatedModel
from holocine_core.plan.values import Plan, Take
from holocine_core.sample.peek_file import MARK
from holocine_core.sample.solvers import OnVelocity
from holocine_core.store.files import hidden_room

EVERY = 2
"""Steps from one picture to the next; the first and the last step have one in any case."""
_WIDE = 256
"""Pixels that a shot is shown by at most, across."""
_ACROSS = 4
"""Shots in a row."""
_BAR, _GAP = 18, 4
_PAPER, _INK = (24, 24, 24), (235, 235, 235)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A step as it is made.

    Attributes:
        plan: Of the film.
        take: At work, as its pass has it.
        step: From 1.
        x: Latents before it [1, C, F, H, W].
        velocity: What the network says of them.
        sigma: Their noise.
    """

    plan: Plan
    take: Take
    step: int
    x: Tensor
    velocity: Tensor
    sigma: float


Look = Callable[[Seen, Emit], None]
"""Told of every step while it is made; changes nothing."""


def shown_to(look: Look | None, plan: Plan, take: Take, emit: Emit) -> OnVelocity | None:
    """What shows a take's steps to whoever looks; None where nobody does."""
    if look is None:
        return None
    return lambda step, x, velocity, sigma: look(
        Seen(plan=plan, take=take, step=step, x=x, velocity=velocity, sigma=sigma), emit
    )


class Peek:
    """Writes the picture, of whatever take is at work. A picture that can not be written is warned
    of once, and the film goes on.

    Args:
        path: A ``.png`` or ``.jpg``, of :func:`holocine_core.sample.peek_file.require_peek`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._warned = False
        self._colours: tuple[LocatedModel, Colours] | None = None

    def __call__(self, seen: Seen, emit: Emit) -> None:
        """Look at a step."""
        steps = seen.take.sampling.steps
        if seen.step % EVERY and seen.step not in (1, steps):
            return
        try:
            shown = shown_as(self._colours_of(seen.plan.model), clean_frames(seen))
            self._write(strip(shown, f"{seen.take.scene}  {seen.step}/{steps}"))
        except (OSError, HolocineError) as error:
            if not self._warned:
                why = error.message if isinstance(error, HolocineError) else error.strerror or error
                emit(
                    Warned(
                        message=f"there is no picture of the take at work: {why}",
                        where=str(self._path),
                        hint="the film is made all the same",
                    )
                )
            self._warned = True

    def _colours_of(self, model: LocatedModel) -> Colours:
        if self._colours is None or self._colours[0] is not model:
            self._colours = model, colours_of(model)
        return self._colours[1]

    def _write(self, picture: Any) -> None:
        # Not flushed: a picture that is lost with the power is not missed.
        with hidden_room(self._path.parent) as room:
            made = room / self._path.name
            if self._path.suffix.lower() == ".png":
                from PIL.PngImagePlugin import PngInfo

                told = PngInfo()
                told.add_text("Software", MARK)
                picture.save(made, format="PNG", pnginfo=told, compress_level=1)
            else:
                picture.save(made, format="JPEG", quality=88, comment=MARK)
            made.replace(self._path)


def clean_frames(seen: Seen) -> NDArray[np.float32]:
    """The clean latents that are expected of the middle of every shot [N, C, H, W]."""
    middles = ((span.start + span.stop - 1) // 2 for span in seen.take.timeline.latent_spans)
    clean = (seen.x[0, :, at] - seen.sigma * seen.velocity[0, :, at] for at in middles)
    frames: NDArray[np.float32] = np.stack([frame.float().cpu().numpy() for frame in clean])
    return np.nan_to_num(frames)


def shown_as(colours: Colours, latents_NCHW: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Latents as RGB pictures [H * patch, W * patch, 3]."""
    n, _, h, w = latents_NCHW.shape
    p = colours.patch
    factors, bias = np.array(colours.factors, np.float32), np.array(colours.bias, np.float32)
    pixels = np.moveaxis(latents_NCHW, 1, -1) @ factors + bias
    whole = pixels.reshape(n, h, w, p, p, 3).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * p, w * p, 3)
    return list(((whole.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8))


def strip(pictures: list[NDArray[np.uint8]], words: str) -> Any:
    """Pictures side by side under a line of words, as Pillow's image."""
    from PIL import Image, ImageDraw, ImageFont

    height, width, _ = pictures[0].shape
    wide = min(_WIDE, width * 4)
    high = max(1, round(height * wide / width))
    across = min(_ACROSS, len(pictures))
    down = -(-len(pictures) // across)
    size = (across * (wide + _GAP) + _GAP, _BAR + down * (high + _GAP) + _GAP)
    page = Image.new("RGB", size, _PAPER)
    for i, pixels in enumerate(pictures):
        row, column = divmod(i, across)
        shown = Image.fromarray(pixels).resize((wide, high), Image.Resampling.BICUBIC)
        page.paste(shown, (_GAP + column * (wide + _GAP), _BAR + row * (high + _GAP)))
    ImageDraw.Draw(page).text((_GAP, 3), words, _INK, ImageFont.load_default(11))
    return page
