"""HoloCine's release tree: what its files say goes before what their folders say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import InputError
from holocine_core.model.fitting import part_problems
from holocine_core.model.locate import find_model
from holocine_core.model.presence import model_states
from holocine_core.model.weights import load_component
from tests.model.checkpoints import ORIGINAL_WAN, WAN, with_original_vae


@pytest.fixture
def tree(release: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(release, tmp_path / "tree"))


def test_a_files_name_says_the_variant_before_its_folder(tree: Path) -> None:
    home = tree / "HoloCine_dit" / "full"
    for noise in ("high", "low"):
        (home / f"full_{noise}_noise.safetensors").rename(
            home / f"sparse_{noise}_noise.safetensors"
        )
    for asked in (tree, home):
        located = find_model(str(asked))
        assert (located.spec.name, located.spec.attention) == ("holocine-14b-sparse", "sparse")
        assert located.missing == ()
    assert find_model("holocine-14b-sparse", models_dir=tree).missing == ()
    lacks = find_model("holocine-14b-full", models_dir=tree).missing
    assert [file.part for file in lacks] == ["transformer", "transformer_2"]
    assert "sparse_high_noise.safetensors there is the sparse variant" in lacks[0].hint
    # Files that say nothing are their folder's, as they always were.
    for noise in ("high", "low"):
        (home / f"sparse_{noise}_noise.safetensors").rename(home / f"mine_{noise}_noise.gguf")
    assert find_model(str(tree)).spec.attention == "full"


def test_a_vae_whose_names_have_a_prefix_opens(tree: Path) -> None:
    with_original_vae(tree)
    path = tree / ORIGINAL_WAN / "Wan2.1_VAE.pth"
    state = torch.load(path)
    opened = load_component(find_model(str(tree)).component("vae"), torch.float32)
    before = {name: tensor.clone() for name, tensor in opened.state_dict().items()}
    torch.save({f"model.{name}": tensor for name, tensor in state.items()}, path)
    files = find_model(str(tree)).component("vae")
    after = load_component(files, torch.float32).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert part_problems(files, find_model(str(tree))) == []


def test_what_a_release_lacks_is_taken_from_its_folder_or_told(
    tree: Path,
) -> None:
    before = find_model(str(tree)).identity()
    home = tree / WAN / "text_encoder"
    beside = tree / "ComfyUI" / "text_encoders"
    beside.mkdir(parents=True)
    (weights,) = home.glob("*.safetensors")
    weights.rename(beside / "umt5_xxl_fp16.safetensors")
    (home / "config.json").rename(beside / "umt5_xxl_fp16.json")
    located = find_model(str(tree))
    assert located.missing == ()
    assert located.component("text_encoder").paths[0].parent == beside
    assert located.identity() == before
    for ending in ("json", "safetensors"):
        shutil.copy(beside / f"umt5_xxl_fp16.{ending}", beside / f"umt5_xxl_bf16.{ending}")
    (lacks,) = find_model(str(tree)).missing
    assert "the text encoder could be umt5_xxl_bf16.safetensors or umt5_xxl_fp16" in lacks.hint
    assert find_model("holocine-14b-full", tree).missing[0].part == "text_encoder"


def test_a_card_in_a_releases_root_names_files(tree: Path) -> None:
    other = tree / "mine" / "decoder.safetensors"
    other.parent.mkdir()
    shutil.copy(tree / WAN / "vae" / "diffusion_pytorch_model.safetensors", other)
    shutil.copy(tree / WAN / "vae" / "config.json", other.with_suffix(".json"))
    (tree / "holocine.json").write_text('{"files": {"vae": "mine/decoder.safetensors"}}')
    located = find_model(str(tree))
    assert located.component("vae").paths == (other,)
    assert located.record()["vae"] == "mine/decoder.safetensors"


def test_another_network_under_the_usual_name_is_refused_by_what_it_is(tree: Path) -> None:
    path = tree / "HoloCine_dit" / "full" / "full_low_noise.safetensors"
    save_file({**load_file(path), "vace_blocks.0.after_proj.weight": torch.ones(1)}, path)
    with pytest.raises(InputError, match=r"full_low_noise.safetensors is a VACE transformer"):
        find_model(str(tree))
    states = {state.name: state for state in model_states(tree)}
    assert states["holocine-14b-full"].presence == "incomplete"
    assert "VACE" in states["holocine-14b-full"].where
    assert states["nano"].presence == "here"
