"""What this machine has: models, doctor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, FileCheck, ignore

if TYPE_CHECKING:
    from holocine_core.doctor import Check
    from holocine_core.model.inventory import ModelFile
    from holocine_core.model.lora.file import LoraFile
    from holocine_core.model.presence import ModelState
    from holocine_core.model.vocabulary import Vocabulary

PAGE_NAME = "README.md"
"""The page that a model's folder may bring."""


def models(models_dir: Path | None = None) -> tuple[ModelState, ...]:
    """Every model, those that were given a name included, and whether it is here.

    Args:
        models_dir: Where downloaded models lie; the user's cache where None.
    """
    from holocine_core.model.presence import model_states

    return model_states(models_dir)


def model_summaries() -> dict[str, str]:
    """By name, every model in a sentence; nothing is looked for."""
    from holocine_core.model.spec import MODELS

    return {name: spec.summary for name, spec in MODELS.items()}


def added_models() -> dict[str, str]:
    """By name, the folders that were given one; none where the list can't be read."""
    from holocine_core.errors import HolocineError
    from holocine_core.model.added import added_models as listed
    from holocine_core.model.home import models_folder

    with suppress(HolocineError, RuntimeError):
        return {name: f"the model in {one.folder}" for name, one in listed(models_folder()).items()}
    return {}


def model(name: str, models_dir: Path | None = None) -> ModelState:
    """One model, by its name or folder.

    Raises:
        InputError: There is no such model.
    """
    from holocine_core.model.presence import model_state

    return model_state(name, models_dir)


def merge(
    model: str, loras: Sequence[LoraFile], out: str | Path, models_dir: Path | None = None
) -> Path:
    """Fold LoRAs into a model's weights: a new folder that films, and trains, as any other.

    Args:
        model: A name or a folder in diffusers' layout.
        loras: With their weights and experts.
        out: The new folder.
        models_dir: Where downloaded models lie; the user's cache where None.

    Raises:
        InputError: There is no such model, a LoRA does not fit, or ``out`` is there already.
        MachineError: Files are missing, or the disk is full.
    """
    from holocine_core.model.locate import find_model
    from holocine_core.model.lora.merge import merge_loras

    merge_loras(find_model(model, models_dir), loras, Path(out))
    return Path(out)


def model_files(name: str, models_dir: Path | None = None) -> tuple[ModelFile, ...]:
    """What lies in a model's folder, and what each file is taken for; nothing for models of the
    table, whose files are known.

    Args:
        name: A folder, or a name that was given to one.
        models_dir: Where downloaded models lie; the user's cache where None.

    Raises:
        InputError: The folder has more files than any model's.
    """
    from holocine_core.model.inventory import model_files as files_of
    from holocine_core.model.locate import find_model, folder_of

    folder = folder_of(name, models_dir)
    if folder is None:
        return ()
    try:
        located = find_model(name, models_dir)
    except InputError:
        return files_of(folder, None)
    return files_of(folder, located)


def add_model(
    name: str,
    folder: str | Path,
    models_dir: Path | None = None,
    *,
    files: Mapping[str, Path] | None = None,
    force: bool = False,
) -> ModelState:
    """Give a model's folder a name, once and for all calls that follow.

    Args:
        name: None of the table's.
        folder: The model's.
        models_dir: Where downloaded models lie, and the list of names; the user's cache where None.
        files: Files said outright, by part: ``transformer`` is the high-noise expert,
            ``transformer_2`` the low-noise one.
        force: Whether the name may be that of another folder.

    Raises:
        InputError: The folder holds no model, or the name is taken or none.
    """
    from holocine_core.model.added import Added
    from holocine_core.model.added import add_model as keep
    from holocine_core.model.home import models_folder
    from holocine_core.model.locate import find_model

    named = {part: Path(path).absolute() for part, path in (files or {}).items()}
    place = Path(folder).expanduser().absolute()
    find_model(str(place), models_dir, named)
    added = Added(name=name, folder=place, files=named)
    keep(added, models_folder(models_dir), replace=force)
    return model(name, models_dir)


def forget_model(name: str, models_dir: Path | None = None) -> Path:
    """Take a name back; the folder it was given to, which stays.

    Raises:
        InputError: No folder has it.
    """
    from holocine_core.model.added import forget_model as forget
    from holocine_core.model.home import models_folder

    return forget(name, models_folder(models_dir)).folder


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """What a model says about itself."""

    vocabulary: Vocabulary | None
    """The words it was taught; None where it does not say."""
    text: str | None
    """The page in its folder."""
    profiles: dict[str, dict[str, Any]]
    """Settings by profile, as its card has them."""


def model_page(state: ModelState) -> ModelPage:
    """What a model says about itself beyond its table.

    Raises:
        InputError: Its files are damaged.
    """
    from holocine_core.model.card import profiles_record
    from holocine_core.model.vocabulary import read_vocabulary

    path = state.located.folder / PAGE_NAME
    # A folder of files that were found is not the model's own: its page may be ComfyUI's.
    own = path.is_file() and not state.located.resolved
    text = path.read_text(encoding="utf-8", errors="replace") if own else None
    return ModelPage(
        vocabulary=read_vocabulary(state.located),
        text=text,
        profiles=profiles_record(state.spec.profiles),
    )


def pull(
    name: str,
    models_dir: Path | None = None,
    *,
    only: Sequence[str] = (),
    accept_licence: bool = False,
    emit: Emit = ignore,
) -> ModelState:
    """Download what lacks of a model; calling it again goes on where it stopped.

    Args:
        name: Of the table.
        models_dir: Where to.
        only: Parts to bring, of :data:`COMPONENTS`; all where it is empty.
        accept_licence: The licences of what is to be fetched were read and are accepted.
        emit: Told of every file.

    Raises:
        InputError: There is no such model, or its licences are not accepted.
        MachineError: The disk is too small, the hub out of reach, a file not the published one.
    """
    from holocine_core.model.fetch import pull as fetch
    from holocine_core.model.home import models_folder
    from holocine_core.model.spec import MODELS

    if name not in MODELS:
        known = ", ".join(MODELS)
        raise InputError(f"there is no model '{name}' to download", hint=f"known are {known}")
    fetch(MODELS[name], models_folder(models_dir), emit, only=only, accept_licence=accept_licence)
    state = model(name, models_dir)
    if not only:
        state.located.require()
    for part in only:
        state.located.component(part)
    return state


def verify(state: ModelState, emit: Emit = ignore) -> tuple[FileCheck, ...]:
    """Read every file of a model and compare it with what was pulled.

    Raises:
        MachineError: Files are missing or changed; all have been told by then.
    """
    from holocine_core.model.verify import verify as check

    checks = check(state.located, emit)
    wrong = [one for one in checks if one.state in ("missing", "changed")]
    if wrong:
        raise MachineError(
            f"{len(wrong)} files of {state.spec.name} are not as they should be",
            where=str(wrong[0].path),
            hint=wrong[0].note,
        )
    return checks


def doctor(models_dir: Path | None = None) -> Iterator[Check]:
    """Try out everything that a render needs on this machine, one thing after another; the last
    one is a tiny film."""
    from holocine_core.doctor import examine

    return examine(models_dir)
