"""Whether a part's files hold the very weights of the network that its config describes: every
header read, every name, type and shape compared. No torch here, and no weight is read.

What is wrong with a model's last file is told before its first step: the networks are opened one
after the other, each when it is needed, and the second expert at half of the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from holocine_core.errors import InputError, MachineError, Problem
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.config_schema import read_config
from holocine_core.model.entries import Listing, read_entries
from holocine_core.model.expected import EMBEDDING, SECOND_EMBEDDING, expected_shapes
from holocine_core.model.expected_vae import Shapes
from holocine_core.model.gguf_header import READABLE, lacking_package
from holocine_core.model.kinds import kind_of
from holocine_core.model.locate import load_tokenizer
from holocine_core.model.names import text_encoder_names
from holocine_core.model.on_disk import VAE_PREFIX
from holocine_core.model.original_names import original_name
from holocine_core.model.scales import check_scales, is_beside
from holocine_core.store.files import stamp

PLAIN = frozenset({"F32", "BF16", "F16", "F8_E4M3", "F8_E5M2"})
"""Types of weights that are opened."""
ORIGINAL_PREFIX = "model.diffusion_model."
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor of a part's files, by the network's name for it."""

    path: Path
    name: str
    """The file's own."""
    dtype: str
    shape: tuple[int, ...]


def model_problems(located: LocatedModel, parts: frozenset[str]) -> list[Problem]:
    """What is wrong with the files of some parts of a model, or keeps them from being opened; files
    that lack are not told here.

    Args:
        located: The model.
        parts: Those that are asked about.
    """
    there = [part for name, part in located.components.items() if name in parts]
    packed = [part.paths[0] for part in there if part.form == "gguf"]
    lacking = [problem for path in packed if (problem := lacking_package(path)) is not None]
    return [*lacking, *(problem for part in there for problem in part_problems(part, located))]


def part_problems(part: ComponentFiles, located: LocatedModel) -> list[Problem]:
    """What is wrong with one part's files, or with its config."""
    if part.name != "tokenizer":
        return file_problems(part)
    try:
        load_tokenizer(located)
    except MachineError as refused:
        return [Problem(refused.message, refused.where, refused.hint)]
    except OSError as gone:
        return [_unreadable(part, gone)]
    return []


def file_problems(part: ComponentFiles) -> list[Problem]:
    """As :func:`part_problems`, of any part but the tokenizer."""
    try:
        return list(_problems(part, _stamps(part)))
    except InputError as refused:
        return list(refused.problems)
    except MachineError as refused:
        return [Problem(refused.message, refused.where, refused.hint)]
    except OSError as gone:
        return [_unreadable(part, gone)]


def _unreadable(part: ComponentFiles, gone: OSError) -> Problem:
    why = gone.strerror or gone
    hint = "check that its files are there and may be read"
    return Problem(f"{part.name} can't be read: {why}", part.where, hint)


Stamps = tuple[tuple[int, int, int], ...]


def _stamps(part: ComponentFiles) -> Stamps:
    """What is another when any of a part's files or its config is; OSError where one is gone."""
    return tuple(stamp(path) for path in (*part.paths, part.config) if path is not None)


@lru_cache(maxsize=32)
def _problems(part: ComponentFiles, _: Stamps) -> tuple[Problem, ...]:
    """Kept by what the files are: many films are planned by one model, and each more than once."""
    listed = {path: read_entries(path) for path in part.paths}
    check_scales(listed)
    problem = _of_types(part) or _of_structure(part)
    return () if problem is None else (problem,)


def held(part: ComponentFiles) -> Mapping[str, Held]:
    """The network's name -> the tensor in the part's files; what has no place in the network is
    left out.

    Raises:
        InputError: Its config can't be read.
        MachineError: A file is damaged.
    """
    return _held(part, _stamps(part))


@lru_cache(maxsize=16)
def _held(part: ComponentFiles, _: Stamps) -> Mapping[str, Held]:
    """Kept as :func:`_problems` are: every LoRA of every plan asks."""
    expected = _expected(part)
    known = _names(part, expected)
    found: dict[str, Held] = {}
    for path, listing in _weights(part).items():
        for name, entry in listing.items():
            ours = _ours(part, name, known)
            if ours is not None:
                found[ours] = Held(path, name, entry.dtype, entry.shape)
    return found


def _weights(part: ComponentFiles) -> Mapping[Path, Listing]:
    """Each of a part's files without scales and what else stands beside weights.

    Raises:
        MachineError: A file is damaged, or two have one weight.
    """
    seen: set[str] = set()
    found: dict[Path, Listing] = {}
    for path in part.paths:
        listed = read_entries(path)
        found[path] = {name: entry for name, entry in listed.items() if not is_beside(name)}
        if twice := sorted(seen & found[path].keys()):
            raise MachineError(f"{twice[0]} is in two files of {part.name}", where=str(path))
        seen |= found[path].keys()
    return found


def _of_types(part: ComponentFiles) -> Problem | None:
    """The first tensor of a type that is not opened."""
    for path in part.paths:
        for name, entry in read_entries(path).items():
            if part.form == "gguf" and entry.dtype not in READABLE:
                return Problem(
                    f"{path.name} is packed in a way diffusers does not know: {name} is "
                    f"{entry.dtype}",
                    str(path),
                    "use a file of another kind, such as Q8_0 or Q4_K",
                )
            told = entry.dtype == "U8" and is_beside(name)
            if part.form != "gguf" and not told and entry.dtype not in PLAIN:
                return Problem(
                    f"{path.name} holds {entry.dtype} weights ({name})",
                    str(path),
                    "use the bfloat16, float16 or fp8 file, or a GGUF file",
                )
    return None


def _of_structure(part: ComponentFiles) -> Problem | None:
    found = list(_differences(part))
    if not found:
        return None
    said = "; ".join(fault for fault, _ in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    path = next((path for _, path in found if path is not None), part.paths[0])
    what = _taken_for(part)
    hint = what or "the file belongs to another model, or its config.json does"
    message = f"{path.name} does not fit the network: {said}{more}{part.by_config}"
    return Problem(message, str(path), hint)


def _taken_for(part: ComponentFiles) -> str:
    """What files are in place of the part, in words; empty where they are one of its kind, or of
    none that is known."""
    shapes = {name: one.shape for path in part.paths for name, one in read_entries(path).items()}
    kind = kind_of(shapes, part.paths[0].suffix)
    if kind.why_not:
        return f"it is {kind.what}: {kind.why_not}"
    other = kind.part not in ("", part.name.removesuffix("_2"))
    return f"it is {kind.what}, and in the {part.name}'s place" if other or kind.hint else ""


def _differences(part: ComponentFiles) -> Iterator[tuple[str, Path | None]]:
    """Missing, unexpected and wrongly shaped tensors, each with its file where one has it."""
    expected = _expected(part)
    known = _names(part, expected)
    found: dict[str, Held] = {}
    strange: list[tuple[str, Path | None]] = []
    original = False
    for path, listing in _weights(part).items():
        for name, entry in listing.items():
            ours = _ours(part, name, known)
            original |= ours is not None and ours != name
            if ours is None:
                strange.append((f"{name} is unexpected", path))
            elif ours in found:
                strange.append((f"{name} is there twice", path))
            else:
                found[ours] = Held(path, name, entry.dtype, entry.shape)
    if EMBEDDING in expected and (EMBEDDING in found or SECOND_EMBEDDING in found):
        one = found.get(EMBEDDING) or found[SECOND_EMBEDDING]
        found = {EMBEDDING: one, SECOND_EMBEDDING: one, **found}
    theirs = {ours: name for name, ours in known.items() if name != ours} if original else {}
    yield from ((f"{theirs.get(o, o)} is missing", None) for o in expected if o not in found)
    yield from strange
    for ours, shape in expected.items():
        if ours in found and found[ours].shape != shape:
            given = found[ours]
            yield f"{given.name} is {_size(given.shape)}, not {_size(shape)}", given.path


def _expected(part: ComponentFiles) -> Shapes:
    if part.config is None:
        raise ValueError(f"{part.name} comes without a config")
    return expected_shapes(part.name, read_config(part.config, part.name))


def _names(part: ComponentFiles, expected: Shapes) -> dict[str, str]:
    """Every name that files give a tensor -> the network's."""
    own = {name: name for name in expected}
    if part.name == "text_encoder" or part.form == "diffusers":
        return own
    # Read as originals first: in either naming a `norm2` is another layer.
    return {original_name(part.name, name): name for name in expected}


def _ours(part: ComponentFiles, name: str, known: Mapping[str, str]) -> str | None:
    """The network's name for a file's tensor; None where it has no place there."""
    if part.name == "text_encoder" and part.form != "diffusers":
        (name,) = text_encoder_names({name: None})
    elif part.name == "vae" and part.form != "diffusers":
        name = name.removeprefix(VAE_PREFIX)
    elif part.form != "diffusers":
        name = name.replace(ORIGINAL_PREFIX, "")
    return known.get(name)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"
