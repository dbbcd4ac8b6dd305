"""Latents seen as colours, without a codec: a linear map that is good enough to look at.

``colours.json`` in a codec's folder gives its own (``python -m benchmarks.colours`` fits it); those
of Wan's codecs are the figures that ComfyUI publishes. No torch here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holocine_core.errors import InputError
from holocine_core.model.components import LocatedModel
from holocine_core.model.spec import VaeShape
from holocine_core.store.files import load_json

FILE = "colours.json"
_OF_WAN = {16: "wan-16.json", 48: "wan-48.json"}
"""By latent channels: Wan2.1's codec, which Wan2.2's large models have too; Wan2.2's small one."""
_PUBLISHED = Path(__file__).parent / "configs" / "colours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """What every latent shows: ``latent @ factors + bias`` is RGB from -1 to 1.

    Attributes:
        patch: Rows and columns of pixels that it is shown by.
        factors: [channels, patch * patch * 3].
        bias: [patch * patch * 3].
    """

    patch: int
    factors: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]


def colours_of(model: LocatedModel) -> Colours:
    """The colours of a model's latents.

    Raises:
        InputError: Nobody has fitted them, or what was fitted is none.
    """
    vae, codec = model.spec.vae, model.components.get("vae")
    own = None if codec is None or codec.config is None else codec.config.with_name(FILE)
    if own is not None and own.is_file():
        return read_colours(own, vae.latent_channels)
    if isinstance(vae, VaeShape) and vae.latent_channels in _OF_WAN:
        return read_colours(_PUBLISHED / _OF_WAN[vae.latent_channels], vae.latent_channels)
    raise InputError(
        f"nobody has fitted colours to the latents of {model.spec.name}'s codec",
        where=str(own or model.folder),
        hint="python -m benchmarks.colours fits them",
    )


def read_colours(path: Path, channels: int) -> Colours:
    """From a file.

    Raises:
        InputError: It gives none, or those of another codec.
    """
    told = load_json(path)
    patch, rows, bias = told.get("patch"), told.get("factors"), told.get("bias")
    if isinstance(patch, int) and isinstance(rows, list) and 1 <= patch <= 16:
        width = 3 * patch**2
        if len(rows) == channels and all(_is_row(row, width) for row in (*rows, bias)):
            factors = tuple(tuple(map(float, row)) for row in rows)
            return Colours(patch=patch, factors=factors, bias=tuple(map(float, bias or ())))
    raise InputError(
        f"{path.name} gives no colours of {channels} latent channels",
        where=str(path),
        hint="python -m benchmarks.colours fits them",
    )


def _is_row(row: object, width: int) -> bool:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != width:
        return False
    return all(isinstance(one, int | float) and abs(one) < 1e6 for one in row)
