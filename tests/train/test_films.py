"""Films that training shows: made by the networks that train, and no more than looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holocine_core.edit.ffmpeg import read_frames
from holocine_core.errors import InputError, Interrupted, MachineError
from holocine_core.events import Event, FilmShown, ModelExported, Warned
from holocine_core.model import networks
from holocine_core.model.components import ComponentFiles
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.tiny import write_tiny
from holocine_core.plan.values import Plan
from holocine_core.production import render_film
from holocine_core.request import Request
from holocine_core.sample.vae import Frames
from holocine_core.train import films
from holocine_core.train.run import train
from tests.conftest import Write
from tests.train.conftest import MakeRecipe
from tests.train.test_export import FILM, average

pytestmark = pytest.mark.slow


def frames_of(film: str | Path) -> Frames:
    return np.concatenate(list(read_frames(Path(film))))


def apart(one: str | Path, other: str | Path) -> float:
    """Mean difference of two films, in levels of 255."""
    first, second = frames_of(one).astype(int), frames_of(other).astype(int)
    return float(np.abs(first - second).mean())


def shown(events: list[Event]) -> list[FilmShown]:
    assert not [event for event in events if isinstance(event, Warned)]
    return [event for event in events if isinstance(event, FilmShown)]


KINDS = {
    "full": {},
    "lora": {"train": "lora", "lora": {"rank": 2}, "optimizer": {"lr": 0.1}},
    "encoder": {"parts": ["transformer", "text_encoder"]},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_networks_that_train_make_the_films(
    recipe: MakeRecipe, write: Write, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The last showing is what the finished model films; nothing that trains is opened again."""
    opened: list[str] = []
    load = networks.load_component

    def loaded(files: ComponentFiles, *args: object, **more: object) -> object:
        opened.append(files.name)
        return load(files, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(networks, "load_component", loaded)
    path, other = write(FILM, "room.yaml"), write(FILM.replace("A door", "A window"), "b.yaml")
    made = recipe(films={"every": 4, "screenplays": [str(path), str(other)]}, **KINDS[kind])
    events: list[Event] = []
    done = train(made, device="cpu", emit=events.append)
    seen = shown(events)
    assert [one.step for one in seen] == [4, 4, 6, 6]
    assert all(Path(one.film).with_suffix(".storyboard.png").is_file() for one in seen)
    assert [e.step for e in events if isinstance(e, ModelExported)] == [6]
    assert opened == [*([] if kind == "encoder" else ["text_encoder"]), "vae", "vae"]
    assert not list(Path(made.out).glob("*-shown*"))
    model = str(done.model)
    loras: tuple[LoraFile, ...] = ()
    if kind == "lora":
        assert done.model is not None
        model = str(made.model.folder)
        loras = (LoraFile(path=done.model, expert="both"),)
    request = Request(model=model, device="cpu", loras=loras)
    finished = render_film(path, path.with_suffix(".mp4"), request).path
    base = Request(model=str(made.model.folder), device="cpu")
    untrained = render_film(path, path.with_name("base.mp4"), base).path
    # The finished model is stored, and may multiply, in bfloat16.
    assert apart(seen[2].film, finished) < apart(seen[2].film, untrained) / 5
    told = json.loads(Path(seen[2].film).with_name("room.mp4.json").read_text(encoding="utf-8"))
    assert told["model"]["name"].endswith(f"at step 6 of {made.out}")


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_films_leave_the_training_as_it_is(recipe: MakeRecipe, write: Write, kind: str) -> None:
    path = write(FILM, "room.yaml")
    plain = recipe(out=str(path.parent / "plain"), **KINDS[kind])
    train(plain, device="cpu")
    showing = {"every": 2, "screenplays": [str(path)]}
    watched = recipe(out=str(path.parent / "watched"), films=showing, **KINDS[kind])
    train(watched, device="cpu")
    after, expected = average(watched), average(plain)
    assert expected
    assert all(torch.equal(after[name], expected[name]) for name in expected)


def test_a_stop_while_filming_keeps_the_step(recipe: MakeRecipe, write: Write) -> None:
    path = write(FILM, "room.yaml")
    made = recipe(
        films={"every": 3, "screenplays": [str(path)]}, checkpoints={"every": 100, "minutes": None}
    )
    filming = Path(made.out) / "films" / "step-0000003"
    with pytest.raises(Interrupted, match="after step 3 of 6; it is kept"):
        train(made, device="cpu", should_stop=filming.exists)
    events: list[Event] = []
    train(made, device="cpu", emit=events.append)
    assert [one.step for one in shown(events)] == [6]


@pytest.mark.parametrize(
    ("line", "word"),
    [("cache: {kind: taylor, interval: 2}", "`cache`"), ("sampler: sde", "")],
    ids=["cache", "sde"],
)
def test_what_networks_in_training_can_not_do_is_told_before(
    recipe: MakeRecipe, write: Write, line: str, word: str
) -> None:
    path = write(FILM.replace("steps: 2", f"steps: 2, {line}"), "room.yaml")
    made = recipe(films={"every": 6, "screenplays": [str(path)]})
    if not word:
        assert train(made, device="cpu").model is not None
        return
    with pytest.raises(InputError, match=f"film without {word}"):
        train(made, device="cpu")


def test_a_faulty_screenplay_is_told_before_training(recipe: MakeRecipe, write: Write) -> None:
    path = write("shots: [A door.]\nframse: 9\n", "bad.yaml")
    events: list[Event] = []
    with pytest.raises(InputError, match="framse"):
        train(
            recipe(films={"every": 4, "screenplays": [str(path)]}),
            device="cpu",
            emit=events.append,
        )
    assert not events


def test_a_full_disk_ends_no_training_and_leaves_the_trained_weights(
    recipe: MakeRecipe, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(FILM, "room.yaml")
    showing = {"every": 4, "screenplays": [str(path)]}
    plain = recipe(out=str(path.parent / "plain"))
    train(plain, device="cpu")
    full = recipe(out=str(path.parent / "full"), films=showing)

    def refuse(plan: Plan, *args: object, **more: object) -> None:
        raise MachineError("could not keep the latents: the disk is full")

    monkeypatch.setattr(films, "render", refuse)
    told: list[Event] = []
    train(full, device="cpu", emit=told.append)
    assert [e.message for e in told if isinstance(e, Warned)] == [
        "could not keep the latents: the disk is full"
    ] * 2
    after, expected = average(full), average(plain)
    assert all(torch.equal(after[name], expected[name]) for name in expected)


@pytest.fixture(scope="module")
def two_experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "both"
    write_tiny(folder, experts=2)
    return folder


def test_films_of_two_experts_have_the_first_ones_lora(
    recipe: MakeRecipe, two_experts: Path, write: Write
) -> None:
    film = write(FILM.replace("nano", str(two_experts)), "room.yaml")
    made = recipe(
        model={"folder": str(two_experts)},
        train="lora",
        lora={"rank": 2},
        expert="both",
        films={"every": 6, "screenplays": [str(film)]},
    )
    events: list[Event] = []
    done = train(made, device="cpu", emit=events.append)
    after = shown(events)
    assert len(after) == 2
    told = Path(after[1].film).with_name("room.mp4.json")
    used = json.loads(told.read_text(encoding="utf-8"))["lora"]
    assert [(one["file"], one["expert"]) for one in used] == [("lora-high.safetensors", "high")]
    high, low = done.files
    loras = (LoraFile(path=high, expert="high"), LoraFile(path=low, expert="low"))
    request = Request(model=str(two_experts), device="cpu", loras=loras)
    whole = render_film(film, film.with_suffix(".mp4"), request)
    assert apart(after[1].film, whole.path) < apart(after[0].film, whole.path) / 5


def test_films_have_the_attention_that_is_trained(
    recipe: MakeRecipe, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(FILM, "room.yaml")
    seen: list[bool] = []
    make = films._pass

    def listen(*args: Any) -> torch.Tensor:
        seen.append(args[2].layout.sparse)
        return make(*args)

    monkeypatch.setattr(films, "_pass", listen)
    made = recipe(attention="full", films={"every": 6, "screenplays": [str(path)]})
    train(made, device="cpu")
    assert seen
    assert not any(seen)


def test_a_last_showing_that_a_kill_took_is_made_up_for(
    recipe: MakeRecipe, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(FILM, "room.yaml")
    made = recipe(films={"every": 100, "screenplays": [str(path)]})

    def killed(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(films, "render", killed)
        with pytest.raises(KeyboardInterrupt):
            train(made, device="cpu")
    for expected in (1, 0):
        events: list[Event] = []
        train(made, device="cpu", emit=events.append)
        assert len(shown(events)) == expected
