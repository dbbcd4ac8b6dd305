"""Files of 8-bit floats: which of their tensors are weights, and which scale belongs to which.
No torch here.

A weight in float8 (e4m3fn or e5m2) means itself times its scale: one number, or one for each row.
Publishers write that in four ways, and files without any scale mean the bare numbers:

==========================  ================================================================
who                         beside ``X.weight``
==========================  ================================================================
Kijai, ComfyUI              ``X.scale_weight``, once in the file the marker ``scaled_fp8``
LightX2V                    ``X.weight_scale``, one for each row
ComfyUI since late in 2025  ``X.weight_scale`` and ``X.comfy_quant``, which is JSON in bytes,
                            or the same JSON for all in the header's ``_quantization_metadata``
==========================  ================================================================

``X.scale_input`` and ``X.input_scale`` are for products in float8; here weights are widened first,
and they change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from holocine_core.errors import MachineError
from holocine_core.model.headers import TensorEntry, read_header, read_metadata
from holocine_core.model.spiece_file import SPIECE
from holocine_core.model.values import look_through
from holocine_core.store.files import parse_json

HEADER_KEY = "_quantization_metadata"
"""Of a safetensors header: which layers are quantised, and how, as JSON."""
SETTINGS = ".comfy_quant"
"""Ending of a tensor that tells of its layer, as JSON in bytes."""
MARKER = "scaled_fp8"
"""A tensor that says: float8 weights have scales."""
_SCALES = (".scale_weight", ".weight_scale")
_OF_INPUTS = (".scale_input", ".input_scale")
_FORMATS = ("float8_e4m3fn", "float8_e5m2")
_FLOAT8 = frozenset({"F8_E4M3", "F8_E5M2", *(f"torch.{name}" for name in _FORMATS)})
"""As safetensors headers and as torch names them."""
_TURNED = "convrot"
"""A setting by which a weight is turned, not only scaled."""


class Sized(Protocol):
    """A tensor, or its entry in a header."""

    @property
    def dtype(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the tensors of a part's files are."""

    weights: tuple[str, ...]
    """The network's own."""
    scales: Mapping[str, str]
    """Names of scales, by the weight they belong to."""
    settings: tuple[str, ...]
    """Tensors that tell of their layer (:data:`SETTINGS`)."""


def is_float8(dtype: Any) -> bool:
    """Whether a header's or torch's type is an 8-bit float that can be read."""
    return str(dtype) in _FLOAT8


def contents(tensors: Mapping[str, Sized], told: Iterable[str], path: Path) -> Contents:
    """Sort a part's tensors and see that every scale fits.

    Args:
        tensors: All tensors of the part's files, or their entries.
        told: Layers that are quantised, as :func:`quantised_layers` found them in headers.
        path: The part's first file, for messages.

    Raises:
        MachineError: A scale has no weight, a weight has none or two where the file says that it
            is scaled, or a scale is neither one number nor one for each row.
    """
    marked = any(_is_marker(name) for name in tensors)
    settings = tuple(name for name in tensors if name.endswith(SETTINGS))
    weights = tuple(name for name in tensors if not is_beside(name))
    scales: dict[str, str] = {}
    for name in tensors:
        weight = _weight_of(name)
        if weight is not None and weight not in tensors:
            raise _refused(path, f"{name} is there, and {weight} is not")
        if weight is None or not name.endswith(_SCALES):
            continue
        if weight in scales:
            raise _refused(path, f"{weight} has two scales, {scales[weight]} and {name}")
        _check_shape(name, tensors[name].shape, weight, tensors[weight].shape, path)
        scales[weight] = name
    wanted = {_weight(name, SETTINGS) for name in settings}
    wanted |= {_listed(layer, tensors, path) for layer in told}
    if marked:
        wanted |= {
            name
            for name in weights
            if name.endswith(".weight")
            and is_float8(tensors[name].dtype)
            and len(tensors[name].shape) > 1
        }
    without = sorted(name for name in wanted if name not in scales)
    if without:
        raise _refused(
            path,
            f"{without[0]} has no scale{_more(without)}, and the file says that it is scaled",
        )
    return Contents(weights=weights, scales=scales, settings=settings)


def check_scales(files: Mapping[Path, Mapping[str, TensorEntry]]) -> None:
    """See that a part's scales fit its weights and are finite, without opening it.

    Args:
        files: A part's files, and what each lists.

    Raises:
        MachineError: As :func:`contents`, :func:`quantised_layers` and :func:`check_settings` do,
            or where a scale is infinite or no number.
        OSError: The disk refuses.
    """
    entries = {name: entry for listed in files.values() for name, entry in listed.items()}
    contents(entries, quantised_layers(files), next(iter(files)))
    for path, listed in files.items():
        scales = {name: entry for name, entry in listed.items() if name.endswith(_SCALES)}
        for seen in look_through(path, scales):
            if seen.odd:
                raise not_finite(seen.name, path)
        told = [name for name in listed if name.endswith(SETTINGS)]
        if told and path.suffix == ".safetensors":
            with path.open("rb") as file:
                for name in told:
                    file.seek(listed[name].start)
                    raw = file.read(listed[name].stop - listed[name].start)
                    check_settings(name, raw, path)


def not_finite(scale: str, path: Path) -> MachineError:
    """That a scale is no number to multiply by."""
    return MachineError(
        f"{path.name}: the scale {scale} is not finite",
        where=str(path),
        hint="fetch it again; `holocine models verify` checks every file of a model",
    )


def is_beside(name: str) -> bool:
    """Whether a tensor, by its name, is none of the network's own."""
    return name.endswith((*_SCALES, *_OF_INPUTS, SETTINGS)) or _is_marker(name) or name == SPIECE


def once_a_file(name: str) -> bool:
    """Whether a tensor may stand in each of a part's files."""
    return _is_marker(name)


def quantised_layers(paths: Iterable[Path]) -> tuple[str, ...]:
    """Layers that safetensors headers say are quantised (:data:`HEADER_KEY`).

    Raises:
        MachineError: What they say is no JSON, or tells of another packing than scaled float8.
    """
    layers: list[str] = []
    for path in paths:
        metadata = read_metadata(path) if path.suffix == ".safetensors" else {}
        if HEADER_KEY not in metadata:
            continue
        told = _json(metadata[HEADER_KEY].encode(), HEADER_KEY, path).get("layers")
        if not isinstance(told, dict):
            raise _refused(path, f"{HEADER_KEY} lists no layers")
        for layer, how in told.items():
            _check_format(layer, {"format": how} if isinstance(how, str) else how, path)
        layers += told
    return tuple(layers)


def check_settings(name: str, raw: bytes, path: Path) -> None:
    """Raises MachineError where a tensor of settings tells of something else than scaled float8."""
    _check_format(name.removesuffix(SETTINGS), _json(raw, name, path), path)


def _check_format(layer: str, told: Any, path: Path) -> None:
    """See that a layer is told to be scaled float8; MachineError else."""
    kind = told.get("format") if isinstance(told, dict) else None
    if not isinstance(told, dict) or kind not in _FORMATS or told.get(_TURNED):
        how = f"{kind!s:.40}, turned" if kind in _FORMATS else f"{kind!r:.40}"
        raise MachineError(
            f"{path.name}: {layer} is packed as {how}, which holocine does not read",
            where=str(path),
            hint="use a bfloat16, float16, fp8 or GGUF file",
        )


def stays_float8(part: str, name: str, entry: Sized) -> bool:
    """Whether a weight stays as it is in its file while a film is made: a matrix of a
    transformer's blocks. All else is small and is widened as it is loaded."""
    in_blocks = name.startswith("blocks.") or ".blocks." in name
    return (
        part.startswith("transformer")
        and in_blocks
        and name.endswith(".weight")
        and len(entry.shape) == 2
        and is_float8(entry.dtype)
    )


def loaded_size(part: str, entries: Mapping[str, TensorEntry], each: int) -> int:
    """Bytes of a part's weights once they are loaded.

    Args:
        part: Its name.
        entries: Of its files.
        each: Bytes of a number that does not stay float8.
    """
    return sum(
        entry.elements * (1 if stays_float8(part, name, entry) else each)
        for name, entry in entries.items()
        if not is_beside(name)
    )


def stored_in_float8(part: str, paths: Iterable[Path]) -> bool:
    """Whether most of a transformer stays float8; False where that can't be read, which is told by
    who opens the file."""
    entries: dict[str, TensorEntry] = {}
    with suppress(MachineError, OSError):
        for path in paths:
            entries |= read_header(path)
    stays = sum(
        entry.elements for name, entry in entries.items() if stays_float8(part, name, entry)
    )
    return 2 * stays > sum(entry.elements for entry in entries.values())


def _is_marker(name: str) -> bool:
    return name == MARKER or name.endswith(f".{MARKER}")


def _weight_of(name: str) -> str | None:
    """The weight that a tensor beside it tells of."""
    for ending in (*_SCALES, *_OF_INPUTS, SETTINGS):
        if name.endswith(ending):
            return _weight(name, ending)
    return None


def _weight(name: str, ending: str) -> str:
    return f"{name.removesuffix(ending)}.weight"


def _listed(layer: str, tensors: Mapping[str, Sized], path: Path) -> str:
    """A layer's weight; headers leave the prefix out that all tensors have."""
    name = f"{layer}.weight"
    found = name if name in tensors else f"model.diffusion_model.{name}"
    if found not in tensors:
        raise _refused(path, f"{HEADER_KEY} lists {layer}, and {name} is not there")
    return found


def _check_shape(
    name: str, scale: tuple[int, ...], weight_name: str, weight: tuple[int, ...], path: Path
) -> None:
    one = not scale or set(scale) == {1}
    rows = weight[0] if weight else 1
    of_rows = scale[:1] == (rows,) and set(scale[1:]) <= {1} and len(scale) <= len(weight)
    if not (one or of_rows):
        shape = "x".join(map(str, scale))
        raise _refused(
            path,
            f"{name} is {shape}: neither one number nor one for each of the {rows} rows of"
            f" {weight_name}",
        )


def _json(raw: bytes, name: str, path: Path) -> dict[str, Any]:
    try:
        told = parse_json(raw)
    except ValueError as broken:
        raise _refused(path, f"{name} is no JSON") from broken
    if not isinstance(told, dict):
        raise _refused(path, f"{name} is no JSON object")
    return told


def _more(names: list[str]) -> str:
    return f", nor have {len(names) - 1} more" if len(names) > 1 else ""


def _refused(path: Path, fault: str) -> MachineError:
    return MachineError(
        f"{path.name} is no fp8 file that can be read: {fault}",
        where=str(path),
        hint="fetch it again from its publisher, or use the bfloat16 file",
    )
