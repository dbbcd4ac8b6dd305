"""Parts that were found by what they are open as the pipeline's that they come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import InputError
from holocine_core.model.card import CARD_NAME
from holocine_core.model.fitting import model_problems
from holocine_core.model.kinds import kind_of
from holocine_core.model.locate import find_model, load_tokenizer
from holocine_core.model.names import text_encoder_names
from holocine_core.model.pipeline import write_pipeline
from holocine_core.model.weights import load_component
from tests.model.checkpoints import (
    golden_state,
    original_transformer,
    random_transformer,
    scatter,
    write_gguf,
)
from tests.model.layouts import spiece, umt5, umt5_by_wan, wan

NETWORKS = ("text_encoder", "transformer", "transformer_2", "vae")


@pytest.fixture
def own(tiny: Path, tmp_path: Path) -> Path:
    """The tiny model as ComfyUI keeps files."""
    return scatter(tiny, tmp_path / "models")


def same_weights(one: Path, other: Path) -> bool:
    """Whether two folders' networks hold the same, to the bit."""
    pairs = [
        [load_component(find_model(str(folder)).component(part), torch.float32).state_dict()
         for folder in (one, other)]
        for part in NETWORKS
    ]  # fmt: skip
    return all(
        a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs
    )


def test_it_is_the_pipeline_whose_files_it_has(own: Path, tiny: Path) -> None:
    located, pipeline = find_model(str(own)), find_model(str(tiny))
    assert located.missing == ()
    assert located.spec == pipeline.spec
    assert same_weights(own, tiny)
    assert model_problems(located, frozenset(located.components)) == []
    text = "A lighthouse by the sea."
    assert load_tokenizer(located).encode(text).ids == load_tokenizer(pipeline).encode(text).ids


def test_it_is_written_as_a_pipeline(own: Path, tiny: Path, tmp_path: Path) -> None:
    write_pipeline(find_model(str(own)), tmp_path / "written")
    assert same_weights(tmp_path / "written", tiny)
    assert not (tmp_path / "written" / "text_encoder" / "tokenizer.json").exists()


def test_a_text_encoder_in_wans_names_with_its_tokenizer_opens_too(own: Path, tiny: Path) -> None:
    path = own / "text_encoders" / "umt5_xxl_fp16.safetensors"
    (own / "text_encoders" / "tokenizer.json").unlink()
    theirs = load_file(path)
    wans = dict(zip(umt5(), umt5_by_wan(), strict=True))
    named = {wans[name]: tensor for name, tensor in theirs.items()}
    assert text_encoder_names(named).keys() == theirs.keys()
    save_file({**named, "spiece_model": torch.tensor(list(spiece())).byte()}, path)
    located = find_model(str(own))
    assert located.component("tokenizer").form == "spiece"
    assert located.component("text_encoder").form == "original"
    assert load_tokenizer(located).encode("a lighthouse").ids == [3, 4, 1]
    assert same_weights(own, tiny)


def test_shards_are_one_file(own: Path, tiny: Path, tmp_path: Path) -> None:
    path = own / "diffusion_models" / "holocine_sparse_low.safetensors"
    state = load_file(path)
    names = sorted(state)
    for number, some in enumerate((names[::2], names[1::2]), 1):
        shard = path.with_name(f"{path.stem}-0000{number}-of-00002.safetensors")
        save_file({name: state[name] for name in some}, shard)
        shutil.copy(path.with_suffix(".json"), shard.with_suffix(".json"))
    path.unlink()
    assert same_weights(own, tiny)
    high = own / "diffusion_models" / "holocine_sparse_high.safetensors"
    outright = {"transformer": high, "transformer_2": shard}
    assert find_model(str(tiny), outright=outright).components["transformer_2"].paths[1] == shard
    folder = tmp_path / "low_noise_model"
    folder.mkdir()
    for path in shard.parent.glob("*low*"):
        shutil.copy(path, folder)
    by_folder = find_model(str(tiny), outright={"transformer_2": folder})
    assert len(by_folder.components["transformer_2"].paths) == 2
    shard.unlink()
    with pytest.raises(InputError, match=f"shard {shard.name} is not there"):
        find_model(str(tiny), outright={"transformer_2": next(shard.parent.glob("*-of-*.saf*"))})
    (lacks,) = find_model(str(own)).missing
    assert (lacks.part, lacks.path) == ("transformer_2", shard)


def test_gguf_stands_in_for_an_expert(own: Path) -> None:
    home = own / "diffusion_models"
    network = random_transformer(in_channels=16, out_channels=16, text_dim=32, num_layers=2)
    for noise in ("high", "low"):
        (home / f"holocine_sparse_{noise}.safetensors").unlink()
        path = home / f"Wan2.2-HoloCine-Sparse-{noise.title()}Noise-Q8_0.gguf"
        write_gguf(original_transformer(network.state_dict()), path)
        config = {key: value for key, value in network.config.items() if not key.startswith("_")}
        path.with_suffix(".json").write_text(json.dumps(config))
    located = find_model(str(own))
    assert [located.component(part).form for part in NETWORKS[1:3]] == ["gguf", "gguf"]
    opened = load_component(located.component("transformer_2"), torch.float32)
    assert opened.config.num_layers == 2


@pytest.mark.parametrize("variant", ["fp16", "bf16"])
def test_a_pipelines_files_may_be_a_variant(variant: str, tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "pipeline"))
    for path in [*folder.rglob("model.safetensors"), *folder.rglob("diffusion_*.safetensors")]:
        path.rename(path.with_suffix(f".{variant}.safetensors"))
    assert find_model(str(folder)).missing == ()
    assert same_weights(folder, tiny)
    other = folder / "vae" / "diffusion_pytorch_model.fp32.safetensors"
    shutil.copy(folder / "vae" / f"diffusion_pytorch_model.{variant}.safetensors", other)
    with pytest.raises(InputError, match="more than one") as raised:
        find_model(str(folder))
    assert variant in str(raised.value)
    shutil.copy(other, folder / "vae" / "diffusion_pytorch_model.safetensors")
    paths = find_model(str(folder)).component("vae").paths
    assert paths[0].name == "diffusion_pytorch_model.safetensors", "the usual name first"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"colour": "a.safetensors"}, "files.colour must name a file"),
        ({"vae": 3}, "files.vae must name a file"),
        ({"vae": "none.safetensors"}, "there is no file"),
        ({"vae": "text_encoders/umt5_xxl_fp16.safetensors"}, "can not be the VAE"),
        ({"tokenizer": "vae/none.json"}, "no tokenizer's file"),
        ([], "files must be"),
    ],
)
def test_a_card_names_files_that_there_are(files: object, says: str, own: Path) -> None:
    card = own / CARD_NAME
    card.write_text(json.dumps({**json.loads(card.read_text()), "files": files}))
    with pytest.raises(InputError, match=says):
        find_model(str(own))


def test_parts_that_do_not_belong_together_are_refused(own: Path) -> None:
    config = own / "text_encoders" / "umt5_xxl_fp16.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "d_model": 64}))
    with pytest.raises(InputError, match="d_model 64, but the transformer expects 32"):
        find_model(str(own))


def test_a_size_that_nobody_published_needs_its_config(own: Path) -> None:
    (own / "diffusion_models" / "holocine_sparse_high.json").unlink()
    with pytest.raises(InputError, match="of no size that was published: num_layers 2") as raised:
        find_model(str(own))
    assert "holocine_sparse_high.json" in raised.value.hint


def test_the_shapes_of_the_layouts_are_the_networks_own() -> None:
    """What the layouts are written by is what diffusers and transformers build."""
    shapes = {name: tuple(tensor.shape) for name, tensor in golden_state().items()}
    small = wan((2, 48, 96), (4, 4))
    changed = {"text_embedding.0.weight", "time_embedding.0.weight"}  # Widths that tests have.
    assert small.keys() == shapes.keys()
    assert {n for n in small if small[n] != shapes[n]} <= changed
    kind = kind_of(shapes, ".safetensors")
    assert kind.sizes == {
        "num_layers": 2, "width": 48, "in_channels": 4, "out_channels": 4, "ffn_dim": 96,
        "text_dim": 32,
    }  # fmt: skip
