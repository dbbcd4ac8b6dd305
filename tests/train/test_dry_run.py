"""What a recipe will do is told as it will be, and what can't be done is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from holocine_core.errors import InputError
from holocine_core.model import hardware
from holocine_core.train.dry_run import outline
from tests.model.checkpoints import write_gguf, write_release
from tests.train.conftest import MakeRecipe, new_model, write_one

pytestmark = pytest.mark.slow


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HoloCine's folders with a tiny transformer."""
    home = write_release(tmp_path / "models", "sparse")
    monkeypatch.setenv("HOLOCINE_MODELS", str(home))
    return home / "HoloCine_dit" / "sparse"


def pack(home: Path, noise: str) -> Path:
    """An expert's weights as GGUF in the place of the others."""
    path = home / f"sparse_{noise}_noise.safetensors"
    packed = path.with_suffix(".gguf")
    write_gguf(load_file(path), packed)
    path.unlink()
    return packed


@pytest.mark.parametrize(("noise", "expert"), [("high", "high"), ("low", "low"), ("low", "both")])
def test_packed_weights_are_not_trained_whole(
    recipe: MakeRecipe, release: Path, noise: str, expert: str
) -> None:
    packed = pack(release, noise)
    made = recipe(model={"folder": "holocine-14b-sparse"}, expert=expert)
    with pytest.raises(InputError, match="are packed") as told:
        outline(made)
    assert told.value.where == str(packed)


def test_packed_weights_take_the_room_of_their_file(recipe: MakeRecipe, release: Path) -> None:
    made = recipe(
        model={"folder": "holocine-14b-sparse"}, expert="high", train="lora", precision="float32"
    )
    plain = outline(made)
    packed = pack(release, "high").stat().st_size
    (before,), (after,) = plain.phases, outline(made).phases
    still = plain.parameters - plain.trained
    assert before.peak_bytes - after.peak_bytes == pytest.approx(4 * still - packed, abs=1)


@pytest.mark.parametrize("bf16", [True, False])
def test_auto_is_the_precision_of_the_device(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch, bf16: bool
) -> None:
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: bf16)

    def peak(precision: str, gpus: int = 1) -> int:
        (phase,) = outline(recipe(train="lora", precision=precision), gpus, "cpu").phases
        return phase.peak_bytes

    assert peak("auto") == peak("bf16" if bf16 else "float32")
    assert peak("bf16") < peak("float32")
    assert peak("auto", 2) == peak("bf16" if bf16 else "float32", 2)


def test_ranks_are_gpus_unless_processors_are_asked_for(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    peaks = {
        (precision, device): outline(recipe(precision=precision), 2, device).phases[0].peak_bytes
        for precision in ("auto", "bf16", "float32")
        for device in ("auto", "cpu")
    }
    assert peaks["auto", "auto"] == peaks["bf16", "auto"]
    assert peaks["auto", "cpu"] == peaks["float32", "cpu"]


def test_clips_of_every_size_fit_the_model(recipe: MakeRecipe, tmp_path: Path) -> None:
    write_one(tmp_path / "odd", "one", (9,), width=36)
    made = recipe(phases=[{"size": None, "data": str(tmp_path / "odd")}])
    with pytest.raises(InputError, match="a clip of 36x32 does not fit this model"):
        outline(made)


def test_films_of_a_new_model_are_read(recipe: MakeRecipe, model: Path, tmp_path: Path) -> None:
    films = {"screenplays": [str(tmp_path / "nowhere.yaml")]}
    with pytest.raises(InputError, match="no screenplay"):
        outline(recipe(model=new_model(model), films=films))


def test_no_devices_train_nothing(recipe: MakeRecipe) -> None:
    with pytest.raises(InputError, match="0 devices"):
        outline(recipe(), 0)
