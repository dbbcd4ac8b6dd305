"""Latents seen as colours: what they show, and that looking changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Event, Warned
from holocine_core.model.colours import Colours, colours_of, read_colours
from holocine_core.model.components import LocatedModel
from holocine_core.model.locate import find_model
from holocine_core.model.spec import MODELS
from holocine_core.sample.peek import Peek, Seen, clean_frames, shown_as, strip
from holocine_core.sample.peek_file import require_peek
from holocine_core.sample.solvers import denoise
from holocine_core.script.timeline import Timeline

TIMELINE = Timeline(frames=17, cuts=(9,), fps=Fraction(15))
"""Two shots, of three and of two latent frames."""
NO_FILMS: list[tuple[Path, Path]] = []


def seen(step: int = 2, steps: int = 4, model: Any = None) -> Seen:
    """Latents whose clean ones are their frame's number."""
    clean = torch.arange(5.0).view(1, 1, 5, 1, 1).expand(1, 24, 5, 4, 6)
    noise, sigma = torch.randn(clean.shape), 0.7
    take = SimpleNamespace(scene="quay", timeline=TIMELINE, sampling=SimpleNamespace(steps=steps))
    return Seen(
        plan=cast(Any, SimpleNamespace(model=model or find_model("nano"))),
        take=cast(Any, take),
        step=step,
        x=(1 - sigma) * clean + sigma * noise,
        velocity=noise - clean,
        sigma=sigma,
    )


def test_the_middle_of_every_shot_is_shown_without_its_noise() -> None:
    frames = clean_frames(seen())
    assert frames.shape == (2, 24, 4, 6)
    assert np.allclose(frames[0], 1, atol=1e-5)
    assert np.allclose(frames[1], 3, atol=1e-5)


def test_each_piece_of_a_latent_lies_where_it_belongs() -> None:
    factors = np.zeros((2, 12), np.float32)
    factors[0, 0:3] = 1  # The upper left piece is the first channel's, in white.
    factors[1, 9] = 1  # The lower right one the second's, in red.
    colours = Colours(patch=2, factors=tuple(map(tuple, factors.tolist())), bias=(-1.0,) * 12)
    latents = np.zeros((1, 2, 1, 2), np.float32)
    latents[0, :, 0, 1] = 2
    (picture,) = shown_as(colours, latents)
    assert picture.shape == (2, 4, 3)
    assert picture[0, 2].tolist() == [255, 255, 255]
    assert picture[1, 3].tolist() == [255, 0, 0]
    assert picture.astype(int).sum() == 4 * 255


@pytest.mark.parametrize("name", [name for name in MODELS if name != "nano"])
def test_every_model_of_the_table_has_colours(name: str) -> None:
    spec = MODELS[name]
    model = SimpleNamespace(spec=spec, components={}, folder=Path())
    found = colours_of(cast(LocatedModel, model))
    assert (found.patch, len(found.factors)) == (1, spec.vae.latent_channels)


def test_nanos_colours_show_what_its_codec_shows() -> None:
    from holocine_core.lab.codec.blocks import draw_short
    from holocine_core.model.weights import load_component
    from holocine_core.sample.vae import encode_frames

    model = find_model("nano")
    clip = draw_short(7, 64, 96).numpy()
    latents = encode_frames(load_component(model.component("vae"), torch.float32), clip)
    colours = colours_of(model)
    (shown,) = shown_as(colours, latents[:, :, 0].numpy())
    small = Image.fromarray(clip[0]).resize((48, 32), Image.Resampling.BOX)
    off = shown.astype(float) - np.asarray(small)
    assert np.sqrt((off**2).mean()) < 20, "of 255"


def test_a_codec_that_nobody_fitted_is_told(tmp_path: Path) -> None:
    nano = find_model("nano")
    vae = replace(nano.components["vae"], config=tmp_path / "config.json")
    model = replace(nano, components={**nano.components, "vae": vae})
    with pytest.raises(InputError, match="nobody has fitted colours"):
        colours_of(model)
    told: list[Event] = []
    peek = Peek(tmp_path / "p.png")
    for _ in range(3):
        peek(seen(model=model), told.append)
    assert [type(one) for one in told] == [Warned], "once"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"patch": 1, "factors": [[1, 2, 3]], "bias": [0, 0, 0]},
        {"patch": 1, "factors": [[1, 2]] * 24, "bias": [0, 0, 0]},
        {"patch": 1, "factors": [[1, 2, "x"]] * 24, "bias": [0, 0, 0]},
        {"patch": 1, "factors": [[1, 2, 3]] * 24, "bias": None},
        {"patch": 0, "factors": [[]] * 24, "bias": []},
    ],
)
def test_files_that_give_no_colours(told: object, tmp_path: Path) -> None:
    path = tmp_path / "colours.json"
    path.write_text(json.dumps(told))
    with pytest.raises(InputError, match="no colours of 24"):
        read_colours(path, 24)


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.JPEG"])
def test_the_next_picture_replaces_the_last_and_nothing_else(name: str, tmp_path: Path) -> None:
    path, told = tmp_path / name, list[Event]()
    peek = Peek(path)
    sizes = []
    for step in range(1, 6):
        path.unlink(missing_ok=True)
        peek(seen(step, steps=5), told.append)
        sizes.append(path.exists())
    assert sizes == [True, True, False, True, True], "the first, every second, and the last"
    assert told == []
    assert [one.name for one in tmp_path.iterdir()] == [name]
    require_peek(path, NO_FILMS)
    path.write_bytes(b"holiday")
    with pytest.raises(InputError, match="no picture of --peek"):
        require_peek(path, NO_FILMS)
    require_peek(path, NO_FILMS, force=True)


def test_what_can_not_be_written_is_warned_of_once(tmp_path: Path) -> None:
    told: list[Event] = []
    peek = Peek(tmp_path / "gone" / "p.png")
    for step in (1, 2, 4):
        peek(seen(step), told.append)
    assert [type(one) for one in told] == [Warned]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("p.gif", "none by its name"),
        ("peek", "none by its name"),
        ("nowhere/p.png", "no folder"),
        ("film.png", "a file of the film itself"),
        ("folder.png", "is there already"),
    ],
)
def test_places_that_are_none(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    films = [(tmp_path / "film.yaml", tmp_path / "film.png")]
    with pytest.raises(InputError, match=words):
        require_peek(tmp_path / name, films, force=True)


def test_a_folder_that_can_not_be_written_is_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*args: object, **named: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuses)
    with pytest.raises(MachineError, match="could not write the picture"):
        require_peek(tmp_path / "p.png", NO_FILMS)


def test_shots_lie_in_rows_of_four_under_the_scene_and_its_step() -> None:
    one = [np.full((8, 12, 3), 200, np.uint8)]
    assert strip(one * 4, "quay  1/4").size == (4 * 52 + 4, 18 + 36 + 4)
    wrapped = strip(one * 6, "quay  1/4")
    assert wrapped.size == (4 * 52 + 4, 18 + 2 * 36 + 4)
    assert np.asarray(wrapped)[:18].max() > 200, "words are there"


def test_a_solver_shows_what_it_steps_by() -> None:
    shown: list[tuple[int, float, float]] = []
    noise = torch.ones(1, 1, 1, 1, 1)

    def look(step: int, x: torch.Tensor, velocity: torch.Tensor, sigma: float) -> None:
        shown.append((step, float(x - sigma * velocity), sigma))

    made = denoise(lambda x, sigma: x / sigma, noise, [1.0, 0.5], on_velocity=look)
    assert shown == [(1, 0.0, 1.0), (2, 0.0, 0.5)]
    assert torch.equal(made, denoise(lambda x, sigma: x / sigma, noise, [1.0, 0.5]))
