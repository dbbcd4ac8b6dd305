"""Key frames: frames that are held to a picture, and pictures that no film can be held to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from holocine_core.errors import InputError
from holocine_core.film.planning import plan_film
from holocine_core.model.weights import load_component
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.sample.latents import read_latents
from holocine_core.sample.pictures import read_picture
from holocine_core.sample.vae import encode_frames
from holocine_core.script.timeline import LatentSpan
from holocine_core.store.vault import Vault
from tests.conftest import Write

SCENE = """
seed: 5
profiles: {{standard: {{size: 32x32, steps: 4, guidance: 1}}}}
global: A cliff.
frames: 17
cuts: [9]
{more}
shots:
  - prompt: Wide shot of the cliff.
  - prompt: Rain.
    {image}
"""


def picture(path: Path, seed: int = 1, size: tuple[int, int] = (64, 64)) -> Path:
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def planned(write: Write, image: str = "", more: str = "", **options: bool) -> Plan:
    path = write(SCENE.format(image=image, more=more))
    return plan_film(path, Request(out=path.with_name("film.mp4"), **options))


def latents(plan: Plan) -> torch.Tensor:
    return read_latents(Vault(plan.work).path("latents", plan.takes[0].latents_key))


def test_a_shot_begins_with_its_picture(write: Write, tmp_path: Path) -> None:
    picture(tmp_path / "rain.png")
    plain = planned(write)
    plan = planned(write, image="image: rain.png")
    (held,) = plan.takes[0].pictures
    assert (held.path.name, held.latent) == ("rain.png", 3)
    assert plan.takes[0].latents_key != plain.takes[0].latents_key
    render(plan)
    given = Generator(plan).known_latents(plan.takes[0], None)
    assert list(given.spans) == [LatentSpan(3, 4)]
    assert torch.equal(latents(plan)[:, :, 3], given.latents_BCFHW[:, :, 3])
    free = Generator(plain).denoise(plain.takes[0])
    assert not torch.equal(latents(plan)[:, :, 4], free[:, :, 4])


def test_a_picture_inside_a_scene_is_held_for_a_whole_latent_frame(
    write: Write, tmp_path: Path
) -> None:
    still = read_picture(picture(tmp_path / "rain.png"), 32, 32)
    plan = planned(write, image="image: rain.png")
    given = Generator(plan).known_latents(plan.takes[0], None).latents_BCFHW[:, :, 3]
    vae = load_component(plan.model.component("vae"), torch.float32).eval()
    clip = encode_frames(vae, np.repeat(still[None], 5, axis=0))
    assert torch.allclose(given, clip[:, :, 1], atol=1e-5)
    assert not torch.allclose(given, clip[:, :, 0], atol=1e-2), "the first stands for one frame"


def test_key_frames_stand_at_times(write: Write, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", 2)
    plan = planned(write, more='keyframes: {0: a.png, "1.0s": b.png}')
    assert [one.latent for one in plan.takes[0].pictures] == [0, 4]
    first = plan.takes[0].latents_key
    picture(tmp_path / "b.png", 3)
    again = planned(write, more='keyframes: {0: a.png, "1.0s": b.png}')
    assert again.takes[0].latents_key != first, "the picture itself counts, not its name"


def test_the_decoded_frame_is_the_picture_as_the_codec_sees_it(
    write: Write, tmp_path: Path
) -> None:
    path = picture(tmp_path / "a.png")
    plan = planned(write, more="keyframes: {0: a.png}")
    take = plan.takes[0]
    generator = Generator(plan)
    made = generator.denoise(take, known=generator.known_latents(take, None))
    frames = np.concatenate(list(generator.decode(take, made)))
    still = generator.known_latents(take, None).latents_BCFHW[:, :, :1]
    alone = np.concatenate(list(generator.decode(take, still)))
    assert np.array_equal(frames[0], alone[0])
    assert read_picture(path, 32, 32).shape == frames[0].shape


@pytest.mark.parametrize(
    ("image", "more", "message", "line"),
    [
        ("image: gone.png", "", "no picture at", ":10"),
        ("image: text.png", "", "cannot be read", ":10"),
        ("image: wide.png", "", "is 64x32, the film 32x32", ":10"),
        ("image: ../out.png", "", "outside the screenplay's folder", ":10"),
        ("", "keyframes: {99: a.png}", "outside the scene's 17 frames", ":6"),
        ("", "keyframes: {soon: a.png}", "'soon' is no time", ":6"),
        ("image: a.png", "keyframes: {10: a.png}", "two pictures for frames 9-12", ":"),
    ],
)
def test_what_no_film_can_be_held_to_is_refused(
    write: Write, tmp_path: Path, image: str, more: str, message: str, line: str
) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "wide.png", size=(64, 32))
    picture(tmp_path.parent / "out.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=message) as told:
        planned(write, image=image, more=more)
    assert line in told.value.problems[0].where


def test_pictures_from_elsewhere_can_be_allowed(write: Write, tmp_path: Path) -> None:
    picture(tmp_path.parent / "out.png")
    plan = planned(write, image="image: ../out.png", outside=True)
    assert len(plan.takes[0].pictures) == 1


def test_a_turned_photograph_counts_as_it_is_shown(write: Write, tmp_path: Path) -> None:
    upright = Image.new("RGB", (32, 64), (9, 99, 9))
    tag = Image.Exif()
    tag[0x0112] = 6
    upright.save(tmp_path / "turned.jpg", exif=tag)
    assert read_picture(tmp_path / "turned.jpg", 64, 32).shape == (32, 64, 3)
    path = write(SCENE.format(image="image: turned.jpg", more="").replace("32x32", "64x32"))
    assert plan_film(path, Request(out=tmp_path / "film.mp4")).takes[0].pictures
