"""A run's averaged weights as a complete model folder that the renderer loads as any other."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from holocine_core.errors import InputError
from holocine_core.events import Emit, Warned
from holocine_core.model.card import CARD_NAME, card_of
from holocine_core.model.components import STEMS, LocatedModel
from holocine_core.model.parallel import Team
from holocine_core.model.pipeline import TIED, write_pipeline
from holocine_core.model.spec import ModelSpec
from holocine_core.store.files import load_json, name_for_damaged, replace_folder
from holocine_core.store.tensors import same_weights, write_tensors
from holocine_core.store.vault import disk_errors
from holocine_core.train.checkpoints import RECIPE, STEP, Stretch, stretch
from holocine_core.train.data.worlds import drawn_world
from holocine_core.train.lora import write_lora
from holocine_core.train.networks import TrainingModel, state_of
from holocine_core.train.recipe import Recipe
from holocine_core.train.sharding import whole_on_leader

BEFORE = "holocine_before"
"""Key of a weight file's metadata: the steps before, as a list."""
READING = "holocine_reading"
"""Key of a text encoder's metadata: how it was taught to read, as a list (see ``reading``)."""


def export(
    recipe: Recipe,
    model: TrainingModel,
    step: int,
    folder: Path,
    earlier: Sequence[Stretch] = (),
    longest: int = 0,
    emit: Emit | None = None,
) -> None:
    """Write a pipeline folder with the weights that the networks hold now.

    Parts that were not trained are copied from the model the run started from. Weights are
    bfloat16 but for the layers that diffusers keeps in float32. The folder appears whole.

    Args:
        recipe: Of the run; it is written into the weight files.
        model: With the weights to export in place.
        step: Steps done.
        folder: Where the model goes; an earlier export there is replaced.
        earlier: Steps of the run under settings that were changed since.
        longest: Frames of the longest clip it was trained on.
        emit: Told where the folder is there and holds something else: it is kept under another
            name then. None where it is what came before, and gives way.
    """
    part = folder.with_name(f".{folder.name}.part")
    before = model.located.folder
    # Every rank gives its share of the weights, and the leader writes.
    state, keep = _transformer(model) if "transformer" in recipe.parts else ({}, frozenset())
    weights = _stored(state, keep, model.team)
    if not model.leads:
        return
    with disk_errors("export the model", folder):
        shutil.rmtree(part, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        anew = [model.part if name == "transformer" else name for name in recipe.parts]
        write_pipeline(model.located, part, anew)
        if "transformer" in recipe.parts:
            metadata = _metadata(recipe, step, earlier, before / model.part)
            _write(part, model.part, weights, metadata)
        if "text_encoder" in recipe.parts:
            state = {n: v for n, v in state_of(model.text_encoder).items() if n != TIED}
            metadata = _metadata(recipe, step, earlier, before / "text_encoder")
            stored = _stored(state, frozenset(), None)
            _write(part, "text_encoder", stored, metadata)
        drawn = [phase for phase in recipe.phases if phase.scenes is not None]
        if drawn:
            drawn_world().note_vocabulary(part / "tokenizer", drawn[-1].world)
        if learned := _learned(recipe, model.located, longest):
            _card_with(part / CARD_NAME, model.located.spec, learned)
        if _says_the_same(part, folder):
            shutil.rmtree(part)  # Films were made with the one that is there.
        else:
            if emit is not None and folder.exists():
                _keep_changed(folder, emit)
            replace_folder(part, folder)


def _says_the_same(made: Path, there: Path) -> bool:
    """Whether every file of a model is in another folder too, with what it says."""
    files = [path for path in made.rglob("*") if path.is_file()]
    return all(_same_file(path, there / path.relative_to(made)) for path in files)


def _same_file(made: Path, there: Path) -> bool:
    if not there.is_file():
        return False
    try:
        same = made.suffix == ".safetensors" and same_weights(made, there)
    except ValueError:
        return False  # It is damaged.
    return same or filecmp.cmp(made, there, shallow=False)


def export_lora(
    recipe: Recipe,
    model: TrainingModel,
    step: int,
    path: Path,
    earlier: Sequence[Stretch] = (),
    emit: Emit | None = None,
) -> None:
    """Write the matrices that the transformer holds now as a LoRA file; else as :func:`export`."""

    def replacing() -> None:
        if emit is not None:
            _keep_changed(path, emit)

    metadata = _metadata(recipe, step, earlier)
    write_lora(model.transformer, path, metadata, model.team, replacing)


def _keep_changed(product: Path, emit: Emit) -> None:
    """Give a model's folder, or a LoRA file, another name, and tell of it."""
    kept = name_for_damaged(product)
    product.rename(kept)
    emit(
        Warned(
            message=f"{product.name} is not as this run writes it: it is written anew",
            where=str(kept),
            hint="what was there is kept; remove it if nobody changed it",
        )
    )


def check_named(recipe: Recipe, located: LocatedModel, part: str) -> None:
    """Read what an export will say of the runs before this one, while there is nothing to lose.

    Raises:
        InputError: It can not be read.
    """
    for name in recipe.parts:
        named(located.folder / (part if name == "transformer" else name))


def _transformer(model: TrainingModel) -> tuple[dict[str, Tensor], frozenset[str]]:
    """The weights, and the names in them that stay float32."""
    network = model.transformer
    return state_of(network), frozenset(network._keep_in_fp32_modules or ())


def _metadata(
    recipe: Recipe, step: int, earlier: Sequence[Stretch], start: Path | None = None
) -> dict[str, str]:
    """What a weight file says about how it was made: the last recipe, and all that came before it,
    oldest first: the runs named by the weights in ``start``, and ``earlier``."""
    made = stretch(step, recipe.model_dump(mode="json"))
    before = [*named(start), *earlier]
    told = {**made, **({BEFORE: before} if before else {})}
    texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in told.items()}
    read = {name: text for name, text in told_by(start).items() if name == READING}
    return {"format": "pt", **read, **texts}


def named(folder: Path | None) -> list[Stretch]:
    """The runs that made the weights in a part's folder; none where they don't say.

    Raises:
        InputError: What they say can not be read.
    """
    try:
        told = told_by(folder)
        if RECIPE not in told:
            return []
        last = stretch(int(told[STEP]), json.loads(told[RECIPE]))
        before = json.loads(told.get(BEFORE, "[]"))
        if not isinstance(before, list) or not isinstance(last[RECIPE], dict):
            raise TypeError("no list of runs")
        return [*before, last]
    except (SafetensorError, LookupError, TypeError, ValueError, RecursionError) as failed:
        raise InputError(
            f"what these weights say of how they were trained can not be read: {failed!s:.200}",
            where=str(folder),
            hint="copy the model again, or save it without this metadata",
        ) from failed


def told_by(folder: Path | None) -> dict[str, str]:
    """What the weights in a part's folder say about themselves."""
    files = sorted(folder.glob("*.safetensors")) if folder is not None else []
    return told_by_file(files[0]) if files else {}


def told_by_file(path: Path) -> dict[str, str]:
    """What a weight file says about itself; nothing where it is not there."""
    if not path.is_file():
        return {}
    with safe_open(path, "pt") as opened:
        return dict(opened.metadata() or {})


def _learned(recipe: Recipe, located: LocatedModel, longest: int) -> dict[str, object]:
    """What a run changes of a model's card."""
    spec = located.spec
    learned: dict[str, object] = {}
    if recipe.attention is not None:
        learned["attention"] = recipe.attention
    if recipe.clean_shots > 0 and "transformer" in recipe.parts:
        learned["clean_shots"] = True
    if longest > spec.max_frames:
        learned["max_frames"] = longest
    if not (located.folder / CARD_NAME).is_file():
        # A base without a card of its own: what is said of it holds for it alone.
        learned |= {"name": Path(recipe.out).name, "note": ""}
        learned["summary"] = f"{spec.name}, trained further"
    return learned


def _card_with(path: Path, spec: ModelSpec, learned: Mapping[str, object]) -> None:
    card = {**(load_json(path) if path.is_file() else card_of(spec)), **learned}
    card.pop("earlier", None)  # What the base once was, this model never was.
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _stored(
    state: Mapping[str, Tensor], keep: frozenset[str], team: Team | None
) -> dict[str, Tensor]:
    """Weights as files hold them: bfloat16 but for what stays float32."""
    return whole_on_leader(
        state,
        team,
        lambda name: torch.float32 if keep & set(name.split(".")) else torch.bfloat16,
    )


def _write(
    folder: Path, part: str, tensors: Mapping[str, Tensor], metadata: dict[str, str]
) -> None:
    write_tensors(folder / part / f"{STEMS[part]}.safetensors", tensors, metadata)
