"""Bases in the layouts that their makers publish, small: what is trained of them films."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan, WanPipeline
from safetensors.torch import load_file

from holocine_core.errors import InputError
from holocine_core.model.components import LocatedModel
from holocine_core.model.folders import locate_folder
from holocine_core.model.locate import find_model
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.spec import MODELS, ModelSpec, VaeShape
from holocine_core.model.tiny import TINY_SHAPE, write_tiny
from holocine_core.model.weights import load_component, named_as_diffusers
from holocine_core.production import render_film
from holocine_core.request import Request
from holocine_core.train.run import train
from tests.conftest import Write
from tests.model.checkpoints import with_original_vae, write_gguf, write_release
from tests.train.conftest import MakeRecipe, write_one

pytestmark = pytest.mark.slow

FILM = """
profiles: {standard: {size: 64x32, steps: 2, guidance: 1.5}}
frames: 9
cuts: [5]
global: A red room.
shots: [A door opens., It closes.]
"""


def small_codec(vae: VaeShape) -> AutoencoderKLWan:
    """A random codec of a family, narrow."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return AutoencoderKLWan(
            base_dim=4,
            decoder_base_dim=4,
            z_dim=vae.latent_channels,
            dim_mult=list(vae.multipliers),
            num_res_blocks=1,
            temperal_downsample=list(reversed(vae.doubles_frames)),
            is_residual=vae.residual,
            patch_size=None if vae.patch == 1 else vae.patch,
            in_channels=vae.channels,
            out_channels=vae.channels,
            scale_factor_spatial=vae.stride,
            latents_mean=[0.1] * vae.latent_channels,
            latents_std=[1.5] * vae.latent_channels,
        )


def publish(spec: ModelSpec, home: Path) -> None:
    """A model of the table as its makers publish it, tiny: parts in two repositories' folders."""
    assert isinstance(spec.vae, VaeShape)
    whole = home.with_name("whole")
    write_tiny(
        whole,
        experts=1,
        shape=replace(TINY_SHAPE, latent_channels=spec.shape.latent_channels),
    )
    shutil.rmtree(whole / "vae")
    small_codec(spec.vae).save_pretrained(whole / "vae")
    # Published configs have keys that no code reads.
    config = whole / "vae" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "clip_output": False}))
    for source in spec.sources:
        for pattern in source.files:
            name = pattern.removesuffix("/*")
            shutil.copytree(whole / name, home / source.folder / name)


@pytest.mark.parametrize("base", ["wan2.1-t2v-1.3b", "wan2.2-ti2v-5b"])
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_small_base_in_its_published_layout(
    recipe: MakeRecipe,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    base: str,
    kind: str,
) -> None:
    spec, parted = MODELS[base], tmp_path / "models"
    publish(spec, parted)
    monkeypatch.setenv("HOLOCINE_MODELS", str(parted))
    found = find_model(base).spec
    assert (found.size_multiple, found.fps) == (spec.size_multiple, spec.fps)
    clips = parted / "samples"
    for number in range(3):
        write_one(clips, f"one-{number}", (5, 4), number, fps=spec.fps, width=64)
    write_one(clips, "long", (61, 64), 9, fps=spec.fps, width=64)
    made = recipe(
        model={"folder": base},
        train=kind,
        lora={"rank": 2},
        attention="sparse",
        phases=[{"data": str(clips), "size": "64x32"}],
        held_out={"every": 100},
    )
    done = train(made, device="cpu").model
    assert done is not None
    film = write(FILM, "film.yaml")
    if kind == "full":
        spec = locate_folder(done).spec
        assert spec.vae == found.vae
        assert (spec.attention, spec.experts) == ("sparse", 1)
        assert spec.max_frames == max(found.max_frames, 125)
        assert (spec.fps, spec.size_multiple) == (found.fps, found.size_multiple)
        assert WanPipeline.from_pretrained(done).transformer_2 is None
        request = Request(model=str(done), device="cpu")
    else:
        lora = LoraFile(path=done, expert="both")
        request = Request(model=base, device="cpu", loras=(lora,))
    assert render_film(film, parted / "film.mp4", request).frames == 9


@pytest.mark.parametrize("codec", ["diffusers", "pth"])
def test_the_release_itself_is_trained_whole(
    recipe: MakeRecipe, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    """HoloCine's own files, in Wan's original names, become a pipeline that diffusers opens."""
    home = write_release(tmp_path / "models", "sparse")
    if codec == "pth":
        with_original_vae(home)
    monkeypatch.setenv("HOLOCINE_MODELS", str(home))
    base = find_model("holocine-14b-sparse")
    made = recipe(
        model={"folder": "holocine-14b-sparse"},
        expert="both",
        phases=[{"steps": 2}],
        held_out={"every": 100},
    )
    done = train(made, device="cpu").model
    assert done is not None
    located = locate_folder(done)
    spec = located.spec
    assert (spec.attention, spec.experts, spec.boundary) == ("sparse", 2, 0.875)
    assert spec.low_precision_timestep
    opened = WanPipeline.from_pretrained(done)
    for part, network in (
        ("transformer", opened.transformer),
        ("transformer_2", opened.transformer_2),
    ):
        before = named_as_diffusers(base.component(part))
        after = {name: value.float() for name, value in network.state_dict().items()}
        assert before.keys() == after.keys()
        moved = [name for name in before if (before[name].float() - after[name]).abs().max() > 1e-3]
        assert moved, f"{part} was trained"
    assert torch.equal(opened.vae.post_quant_conv.weight, codec_of(base).post_quant_conv.weight)
    film = render_film(write(FILM), tmp_path / "a.mp4", Request(model=str(done), device="cpu"))
    assert film.frames == 9


def codec_of(located: LocatedModel) -> AutoencoderKLWan:
    vae: AutoencoderKLWan = load_component(located.component("vae"), torch.float32)
    return vae


def test_one_expert_of_the_release_leaves_the_other_as_it_was(
    recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = write_release(tmp_path / "models", "sparse")
    monkeypatch.setenv("HOLOCINE_MODELS", str(home))
    other = named_as_diffusers(find_model("holocine-14b-sparse").component("transformer"))
    made = recipe(
        model={"folder": "holocine-14b-sparse"},
        expert="low",
        phases=[{"steps": 2}],
        held_out={"every": 100},
    )
    done = train(made, device="cpu").model
    assert done is not None
    kept = named_as_diffusers(locate_folder(done).component("transformer"))
    assert kept.keys() == other.keys()
    assert all(torch.equal(kept[name], other[name]) for name in other)


def test_packed_weights_carry_a_lora_and_are_not_trained_whole(
    recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = write_release(tmp_path / "models", "sparse")
    for path in (home / "HoloCine_dit" / "sparse").glob("*.safetensors"):
        write_gguf(load_file(path), path.with_suffix(".gguf"))
        path.unlink()
    monkeypatch.setenv("HOLOCINE_MODELS", str(home))
    packed = {"model": {"folder": "holocine-14b-sparse"}, "expert": "high"}
    with pytest.raises(InputError, match=r"packed \(GGUF\)"):
        train(recipe(**packed), device="cpu")
    assert train(recipe(**packed, train="lora", lora={"rank": 2}), device="cpu").model is not None
