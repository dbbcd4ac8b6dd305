"""A run asked for again: the same model to the byte, and damage on the way is told and mended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Event, TrainStepDone, Warned
from holocine_core.train.checkpoints import Checkpoint, Checkpoints
from holocine_core.train.continuity import Best
from holocine_core.train.pointer import kept_in, step_of
from holocine_core.train.run import train
from tests.train.conftest import MakeRecipe

pytestmark = pytest.mark.slow


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a model: what it holds, and which it is on the disk."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_ino)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def content(folder: Path) -> Mapping[str, bytes]:
    return {name: told for name, (told, _) in files(folder).items()}


def in_another_order(path: Path) -> None:
    """What a weight file says of itself as earlier versions wrote it."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header["__metadata__"] = dict(reversed(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(raw[:8] + text.ljust(length) + raw[8 + length :])
    assert path.read_bytes() != raw


@pytest.mark.parametrize("earlier", [False, True])
def test_a_finished_run_leaves_its_model_as_it_is(recipe: MakeRecipe, earlier: bool) -> None:
    made = recipe()
    model = train(made, device="cpu").model
    assert model is not None
    if earlier:
        in_another_order(next((model / "transformer").glob("*.safetensors")))
    (model / "README.md").write_text("A page of one's own.")
    before = files(model)
    assert train(made, device="cpu").model == model
    assert files(model) == before
    assert not model.with_name(f".{model.name}.part").exists()


def test_a_model_that_was_damaged_is_written_anew(recipe: MakeRecipe) -> None:
    made = recipe()
    model = train(made, device="cpu").model
    assert model is not None
    before = content(model)
    (name,) = (one for one in before if one.startswith("transformer/") and "safetensors" in one)
    for number, (file, damage) in enumerate(
        (
            (name, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
            (name, lambda raw: raw[:100]),
            ("vae/config.json", lambda raw: raw + b" "),
        ),
        1,
    ):
        (model / file).write_bytes(damage((model / file).read_bytes()))
        (model / "README.md").write_text("A page of one's own.")
        damaged = content(model)
        told: list[Event] = []
        train(made, device="cpu", emit=told.append)
        assert content(model) == before
        (warned,) = (one for one in told if isinstance(one, Warned))
        assert "is not as this run writes it" in warned.message
        kept = model.with_name(f"model.damaged{f'-{number}' if number > 1 else ''}")
        assert (warned.where, content(kept)) == (str(kept), damaged)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_finished_lora_stays_the_same_file_to_the_byte(recipe: MakeRecipe, earlier: bool) -> None:
    made = recipe(train="lora")
    path = train(made, device="cpu").model
    assert path is not None
    if earlier:
        in_another_order(path)
    before = path.read_bytes()
    train(made, device="cpu")
    assert path.read_bytes() == before


@pytest.mark.parametrize("length", [2**44, 2**63, 0])
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_product_whose_length_is_damaged_is_written_anew(
    kind: str, length: int, recipe: MakeRecipe
) -> None:
    made = recipe(train=kind)
    model = train(made, device="cpu").model
    assert model is not None
    path = next(model.rglob("diffusion*.safetensors")) if model.is_dir() else model
    before = path.read_bytes()
    damaged = length.to_bytes(8, "little") + before[8:]
    path.write_bytes(damaged)
    told: list[Event] = []
    assert train(made, device="cpu", emit=told.append).model == model
    assert path.read_bytes() == before
    (warned,) = (one for one in told if isinstance(one, Warned))
    kept = Path(warned.where)
    assert kept.name == f"{model.name}.damaged"
    assert (kept if kind == "lora" else kept / path.relative_to(model)).read_bytes() == damaged


def test_a_run_that_went_on_becomes_the_same_bytes(recipe: MakeRecipe) -> None:
    made = recipe()
    model = train(made, device="cpu").model
    assert model is not None
    unbroken = content(model)
    shutil.rmtree(made.out)
    steps: list[int] = []

    def count(event: Event) -> None:
        steps.extend([event.step] if isinstance(event, TrainStepDone) else [])

    assert train(made, device="cpu", emit=count, seconds=0).model is None
    while (model := train(made, device="cpu", emit=count, seconds=0).model) is None:
        pass
    assert steps == [1, 2, 3, 4, 5, 6]
    assert content(model) == unbroken


def flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def in_the_recipe(path: Path) -> int:
    """A byte of a checkpoint's header that says how it was trained: one digit of the seed."""
    return path.read_bytes().index(b"seed") + len(b'seed\\\\":')


@pytest.mark.parametrize("lost", [True, False], ids=["no pointer", "pointer"])
@pytest.mark.parametrize(
    "place",
    [lambda path: -100, in_the_recipe, lambda path: 3, lambda path: 20],
    ids=["weights", "recipe", "length", "header"],
)
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    place: Callable[[Path], int], lost: bool, recipe: MakeRecipe
) -> None:
    made = recipe()
    model = train(made, device="cpu").model
    assert model is not None
    whole = content(model)
    checkpoints = Path(made.out) / "checkpoints"
    newest = checkpoints / "step-0000006.safetensors"
    flip(newest, place(newest))
    if lost:
        (checkpoints / "latest.json").unlink()
    told: list[Event] = []
    train(made, device="cpu", emit=told.append)
    steps = [event.step for event in told if isinstance(event, TrainStepDone)]
    assert steps == [5, 6], "from the checkpoint before on"
    (warned,) = (event for event in told if isinstance(event, Warned))
    assert warned.message == (
        "step-0000006.safetensors is damaged: going on from the checkpoint before it"
    )
    assert content(model) == whole


@pytest.mark.parametrize("damage", [b"", b"{", b'{"file": 3, "best": 4, "check": "0"}'])
def test_a_damaged_pointer_is_told(damage: bytes, recipe: MakeRecipe) -> None:
    made = recipe()
    train(made, device="cpu")
    pointer = Path(made.out) / "checkpoints" / "latest.json"
    pointer.write_bytes(damage)
    told: list[Event] = []
    assert train(made, device="cpu", emit=told.append).step == 6
    assert [e.message for e in told if isinstance(e, Warned)] == [
        "latest.json is damaged: which checkpoint was the best is not known now"
    ]
    assert json.loads(pointer.read_text())["file"] == "step-0000006.safetensors"
    assert not [event for event in told if isinstance(event, TrainStepDone)]


def kept(checkpoints: Checkpoints, *steps: int) -> None:
    for step in steps:
        checkpoints.keep(Checkpoint(step=step, tensors={"a": torch.full((3,), float(step))}))
        checkpoints.settle()


def stand(checkpoints: Checkpoints) -> list[int]:
    return [step_of(path) for path in kept_in(checkpoints.folder)]


def of_loss(step: int) -> Best:
    return Best(step=step, loss=1 / step, told_by=[])


def test_the_best_checkpoint_outlives_a_damaged_pointer(recipe: MakeRecipe) -> None:
    made = recipe(checkpoints={"keep": 2})
    begun = Checkpoints(Path(made.out), made)
    kept(begun, 100)
    begun.mark_best(of_loss(100))
    kept(begun, 200, 300)
    pointer = begun.folder / "latest.json"
    flip(pointer, pointer.read_bytes().index(b"300"))
    told: list[Event] = []
    for _ in range(2):  # The pointer that is written then says that the best is not known.
        again = Checkpoints(Path(made.out), made)
        assert again.latest(told.append, dict) is not None
        assert stand(again) == [100, 200, 300]
        assert again.best_known().step == 0
    (warned,) = told
    assert isinstance(warned, Warned)
    assert "those that are there stay until one is marked the best" in (warned.hint or "")
    kept(again, 400, 500, 600)
    assert stand(again) == [100, 200, 300, 500, 600], "what came since is not the lost one"
    again.mark_best(of_loss(600))
    kept(again, 700)
    assert stand(again) == [500, 600, 700]
    assert Checkpoints(Path(made.out), made).best_known() == of_loss(600)


def test_a_pointer_that_is_damaged_while_a_run_goes_on_loses_nothing(recipe: MakeRecipe) -> None:
    made = recipe(checkpoints={"keep": 2})
    going = Checkpoints(Path(made.out), made)
    kept(going, 100)
    going.mark_best(of_loss(100))
    for step in (200, 300, 400):
        (going.folder / "latest.json").write_bytes(b"{")
        kept(going, step)
    assert stand(going) == [100, 300, 400]
    assert Checkpoints(Path(made.out), made).best_known() == of_loss(100)


def test_another_recipe_is_refused_though_nothing_is_damaged(recipe: MakeRecipe) -> None:
    train(recipe(), device="cpu")
    with pytest.raises(InputError, match="seed"):
        train(recipe(seed=77), device="cpu")


@pytest.mark.parametrize("kind", ["clips", "texts"])
@pytest.mark.parametrize("place", ["weights", "header"])
def test_damage_in_what_is_kept_encoded_is_told_and_made_anew(
    kind: str, place: str, recipe: MakeRecipe, tmp_path: Path
) -> None:
    made = recipe(cache=str(tmp_path / "kept"))
    model = train(made, device="cpu").model
    assert model is not None
    whole = content(model)
    kept = list((tmp_path / "kept").rglob("*.safetensors"))
    kept = [path for path in kept if kind in path.parts]
    assert kept
    shutil.rmtree(Path(made.out) / "checkpoints")
    for path in kept:
        # In a header: one digit of a window or of the sum itself.
        raw = path.read_bytes()
        flip(path, -3 if place == "weights" else raw.index(b"holocine_sum") + 18)
    with pytest.raises(MachineError, match="what was kept is damaged") as damaged:
        train(made, device="cpu")
    assert damaged.value.where.endswith(".damaged")
    train(made, device="cpu")  # All of them are made anew, and not one a call.
    assert content(model) == whole
