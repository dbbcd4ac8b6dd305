"""Files of 8-bit floats: every naming is read exactly, and what does not fit is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import UMT5Config, UMT5EncoderModel

from holocine_core.errors import MachineError, Problem
from holocine_core.model.components import ComponentFiles
from holocine_core.model.fitting import part_problems
from holocine_core.model.fp8 import FLOAT8, ScaledLinear
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component
from tests.model.checkpoints import (
    FP8_NAMINGS,
    State,
    golden_config,
    golden_state,
    in_fp8,
    random_transformer,
)
from tests.model.test_weights import OriginalUmt5, distance, velocity

E4M3, E5M2 = FLOAT8


def part_of(folder: Path, file: State, header: Mapping[str, str]) -> ComponentFiles:
    """A transformer's file in original names."""
    folder.mkdir(exist_ok=True)
    path = folder / "high_fp8.safetensors"
    save_file(file, path, dict(header))
    (folder / "config.json").write_text(json.dumps(golden_config()))
    return ComponentFiles(
        name="transformer", form="original", paths=(path,), config=folder / "config.json"
    )


def of_naming(folder: Path, naming: str = "kijai", **how: Any) -> tuple[ComponentFiles, nn.Module]:
    """A float8 file of the golden network, and the network that it means, read from float32."""
    file, header, meant = in_fp8(golden_state(), naming, **how)
    wide = part_of(folder / "wide", meant, {})
    return part_of(folder / "fp8", file, header), load_component(wide, torch.float32)


def before(files: ComponentFiles) -> list[Problem]:
    """What is told of a part before the first step."""
    return part_problems(files, find_model("nano"))


def same_weights(given: nn.Module, wanted: nn.Module) -> None:
    theirs = wanted.state_dict()
    for name, value in given.state_dict().items():
        assert torch.equal(value, theirs[name]), name


def computes_as(kept: nn.Module, meant: nn.Module) -> None:
    """Whether a network of float8 matrices is, to the bit, the one that they mean."""
    for name, layer in kept.named_modules():
        if isinstance(layer, ScaledLinear):
            assert torch.equal(layer.widened(), meant.get_submodule(name).weight), name
    # Sums in another order: matrices in files lie where torch's own never would.
    assert distance(velocity(kept), velocity(meant)) < 1e-6


class TestFiles:
    @pytest.mark.parametrize("naming", FP8_NAMINGS)
    @pytest.mark.parametrize("rows", [False, True], ids=["tensor", "rows"])
    def test_every_naming_means_its_numbers_times_their_scales(
        self, naming: str, rows: bool, tmp_path: Path
    ) -> None:
        files, meant = of_naming(tmp_path, naming, rows=rows)
        same_weights(load_component(files, torch.float32), meant)
        kept = load_component(files, torch.float32, read_only=True, keep_fp8=True)
        matrices = [layer for layer in kept.blocks.modules() if isinstance(layer, nn.Linear)]
        assert len(matrices) == 20
        assert {layer.weight.dtype for layer in matrices} == {E4M3}
        assert kept.proj_out.weight.dtype == torch.float32, "outside of the blocks"
        computes_as(kept, meant)
        assert before(files) == []

    @pytest.mark.parametrize("naming", ["kijai", "bare"])
    def test_the_longer_range_is_read_too(self, naming: str, tmp_path: Path) -> None:
        files, meant = of_naming(tmp_path, naming, dtype=E5M2)
        same_weights(load_component(files, torch.float32), meant)
        kept = load_component(files, torch.float32, keep_fp8=True)
        assert kept.blocks[0].attn1.to_q.weight.dtype == E5M2
        computes_as(kept, meant)

    def test_widened_as_it_computes_or_before_gives_the_same_bits(self, tmp_path: Path) -> None:
        files, meant = of_naming(tmp_path, rows=True)
        before = load_component(files, torch.bfloat16)
        kept = load_component(files, torch.bfloat16, keep_fp8=True)
        assert torch.equal(velocity(kept, torch.bfloat16), velocity(before, torch.bfloat16))
        assert 0 < distance(velocity(kept, torch.bfloat16), velocity(meant)) < 0.02

    def test_names_may_have_comfyuis_prefix_and_its_header_none(self, tmp_path: Path) -> None:
        file, header, meant = in_fp8(
            golden_state(), "comfyui header", prefix="model.diffusion_model."
        )
        wide = load_component(part_of(tmp_path / "wide", meant, {}), torch.float32)
        files = part_of(tmp_path / "fp8", file, header)
        same_weights(load_component(files, torch.float32), wide)

    def test_diffusers_names_and_shards(self, tmp_path: Path) -> None:
        whole = random_transformer()
        file, header, meant = in_fp8(whole.state_dict(), "kijai", rows=True)
        (tmp_path / "config.json").write_text(json.dumps(dict(whole.config)))
        marker = file.pop("scaled_fp8")
        scales = {name: file.pop(name) for name in list(file) if "scale_weight" in name}
        paths = (tmp_path / "1.safetensors", tmp_path / "2.safetensors")
        for path, held in zip(paths, (file, scales), strict=True):
            save_file({**held, "scaled_fp8": marker.clone()}, path, header)
        files = ComponentFiles(
            name="transformer", form="diffusers", paths=paths, config=tmp_path / "config.json"
        )
        given = load_component(files, torch.float32).state_dict()
        assert given.keys() == meant.keys()
        assert all(torch.equal(given[name], meant[name]) for name in meant)
        assert before(files) == []

    def test_the_kept_matrices_lie_in_their_file(self, tmp_path: Path) -> None:
        files, _ = of_naming(tmp_path)
        kept = load_component(files, torch.bfloat16, read_only=True, keep_fp8=True)
        regions = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
        spans = [
            range(*(int(end, 16) for end in region[0].split("-")))
            for region in regions
            if region[-1] == str(files.paths[0])
        ]
        for name, parameter in kept.blocks.named_parameters():
            if parameter.dtype == E4M3:
                assert any(parameter.data_ptr() in span for span in spans), f"{name} was copied"


class TestOtherParts:
    CONFIG = UMT5Config(vocab_size=64, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=4)

    def encoder(
        self, folder: Path, state: State, header: Mapping[str, str], suffix: str = ".safetensors"
    ) -> nn.Module:
        """A text encoder's file, in which nothing is amiss before the first step, opened."""
        path = folder / f"umt5_xxl_fp8_e4m3fn_scaled{suffix}"
        if suffix == ".pth":
            torch.save(state, path)
        else:
            save_file({name: value.contiguous() for name, value in state.items()}, path, {**header})
        (folder / "config.json").write_text(json.dumps(self.CONFIG.to_dict()))
        files = ComponentFiles(
            name="text_encoder",
            form="pth" if suffix == ".pth" else "original",
            paths=(path,),
            config=folder / "config.json",
        )
        assert before(files) == []
        network: nn.Module = load_component(files, torch.float32)
        return network

    @pytest.mark.parametrize("naming", ["comfyui", "comfyui new", "bare"])
    def test_a_text_encoder_with_its_tokenizer_beside(self, naming: str, tmp_path: Path) -> None:
        torch.manual_seed(1)
        judge = UMT5EncoderModel(self.CONFIG).eval()
        state = judge.state_dict()
        del state["encoder.embed_tokens.weight"]
        file, header, meant = in_fp8(state, naming)
        file["spiece_model"] = torch.arange(9, dtype=torch.uint8)
        judge.load_state_dict(meant, strict=False)
        given = self.encoder(tmp_path, file, header)
        ids = torch.tensor([[5, 9, 30, 7, 1]])
        with torch.no_grad():
            assert torch.equal(given(ids).last_hidden_state, judge(ids).last_hidden_state)

    @pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
    @pytest.mark.parametrize("naming", ["bare", "lightx2v"])
    def test_a_text_encoder_in_wans_names(self, naming: str, suffix: str, tmp_path: Path) -> None:
        torch.manual_seed(2)
        reference = OriginalUmt5(vocabulary=64, width=16, heads=4, ffn=24, layers=2)
        file, header, meant = in_fp8(reference.state_dict(), naming, rows=True)
        reference.load_state_dict(meant)
        ids = torch.tensor([[5, 9, 30, 7, 1]])
        with torch.no_grad():
            given = self.encoder(tmp_path, file, header, suffix)(ids).last_hidden_state
            assert distance(given, reference(ids)) < 1e-5

    def test_two_embeddings_in_fp8_are_compared(self, tmp_path: Path) -> None:
        state = {n: v.to(E4M3) for n, v in UMT5EncoderModel(self.CONFIG).state_dict().items()}
        assert self.encoder(tmp_path, {n: v.clone() for n, v in state.items()}, {})
        changed = state["shared.weight"].float() + 1
        both = {n: v.clone() for n, v in state.items()} | {"shared.weight": changed.to(E4M3)}
        with pytest.raises(MachineError, match="two embeddings differ"):
            self.encoder(tmp_path, both, {})

    def test_a_vae(self, tiny: Path, tmp_path: Path) -> None:
        files = find_model(str(tiny)).component("vae")
        state = load_file(files.paths[0])
        first = next(name for name, value in state.items() if value.ndim > 3)
        stored = {**state, first: state[first].to(E4M3), f"{first}_scale": torch.tensor(3.0)}
        path = tmp_path / "vae.safetensors"
        save_file(stored, path)
        files = replace(files, paths=(path,))
        assert before(files) == []
        given = load_component(files, torch.float32).state_dict()[first]
        assert torch.equal(given, stored[first].float() * 3)


LAYER = "blocks.1.ffn.2"


def _to(name: str, value: object) -> Callable[[State], None]:
    def change(state: State) -> None:
        if isinstance(value, Tensor):
            state[name] = value
        else:
            del state[name]

    return change


def _without(layer: str) -> Callable[[State], None]:
    def change(state: State) -> None:
        for name in [name for name in state if name.startswith(layer)]:
            del state[name]

    return change


def _json(told: object) -> Tensor:
    return torch.tensor(list(json.dumps(told).encode()), dtype=torch.uint8)


SCALE = f"{LAYER}.scale_weight"
REFUSALS: dict[str, tuple[str, Callable[[State], None], str]] = {
    "no weight": ("kijai", _to(f"{LAYER}.weight", None), f"{SCALE} is there, and {LAYER}.weight"),
    "no layer": ("kijai", _to("x.scale_weight", torch.tensor(1.0)), "x.weight is not"),
    "no input": ("comfyui", _to("x.scale_input", torch.tensor(1.0)), "x.scale_input is there"),
    "no scale": ("kijai", _to(SCALE, None), f"{LAYER}.weight has no scale, and the file says"),
    "no scale, new": (
        "comfyui new",
        _to(f"{LAYER}.weight_scale", None),
        f"{LAYER}.weight has no scale",
    ),
    "no scale, header": (
        "comfyui header",
        _to(f"{LAYER}.weight_scale", None),
        f"{LAYER}.weight has no scale",
    ),
    "a listed layer lacks": (
        "comfyui header",
        _without(LAYER),
        f"lists {LAYER}, and {LAYER}.weight is not there",
    ),
    "two scales": (
        "kijai",
        _to(f"{LAYER}.weight_scale", torch.tensor(1.0)),
        f"{LAYER}.weight has two scales",
    ),
    "wrong shape": ("kijai", _to(SCALE, torch.ones(3)), f"{SCALE} is 3: neither one number nor"),
    "of columns": ("kijai", _to(SCALE, torch.ones(1, 96)), f"{SCALE} is 1x96: neither"),
    "of blocks": ("kijai", _to(SCALE, torch.ones(48, 2, 1)), f"{SCALE} is 48x2x1: neither"),
    "empty": ("kijai", _to(SCALE, torch.ones(0)), f"{SCALE} is 0: neither"),
    "not a number": ("kijai", _to(SCALE, torch.tensor(torch.nan)), f"{SCALE} is not finite"),
    "infinite": ("kijai", _to(SCALE, torch.full((48, 1), torch.inf)), f"{SCALE} is not finite"),
    "another packing": (
        "comfyui new",
        _to(f"{LAYER}.comfy_quant", _json({"format": "nvfp4"})),
        f"{LAYER} is packed as 'nvfp4'",
    ),
    "turned": (
        "comfyui new",
        _to(f"{LAYER}.comfy_quant", _json({"format": "float8_e4m3fn", "convrot": True})),
        f"{LAYER} is packed as float8_e4m3fn, turned",
    ),
    "broken settings": (
        "comfyui new",
        _to(f"{LAYER}.comfy_quant", torch.ones(3, dtype=torch.uint8)),
        f"{LAYER}.comfy_quant is no JSON",
    ),
    "int8": (
        "lightx2v",
        _to(f"{LAYER}.weight", torch.ones(48, 96, dtype=torch.int8)),
        rf"holds (torch.int8|I8) weights \({LAYER}.weight\)",
    ),
}


class TestRefusals:
    @pytest.mark.parametrize("case", REFUSALS)
    def test_what_does_not_fit_is_refused_by_name(self, case: str, tmp_path: Path) -> None:
        naming, change, says = REFUSALS[case]
        file, header, _ = in_fp8(golden_state(), naming)
        change(file)
        files = part_of(tmp_path, file, header)
        for keep in (False, True):
            with pytest.raises(MachineError, match=says) as raised:
                load_component(files, torch.float32, keep_fp8=keep)
            assert raised.value.where == str(files.paths[0])
            assert raised.value.hint
        (problem,) = before(files)
        assert re.search(says, problem.message), "and before the first step, without torch"
        assert (problem.where, bool(problem.hint)) == (str(files.paths[0]), True)

    @pytest.mark.parametrize(
        ("told", "says"),
        [
            ("[", "_quantization_metadata is no JSON"),
            ("{}", "_quantization_metadata lists no layers"),
            (
                f'{{"layers": {{"{LAYER}": {{"format": "mxfp8"}}}}}}',
                f"{LAYER} is packed as 'mxfp8'",
            ),
            (f'{{"layers": {{"{LAYER}": "int8_tensorwise"}}}}', f"{LAYER} is packed as 'int8_tens"),
        ],
    )
    def test_headers_that_tell_of_something_else(
        self, told: str, says: str, tmp_path: Path
    ) -> None:
        file, _, _ = in_fp8(golden_state(), "lightx2v")
        files = part_of(tmp_path, file, {"_quantization_metadata": told})
        with pytest.raises(MachineError, match=says) as raised:
            load_component(files, torch.float32)
        assert [problem.message for problem in before(files)] == [raised.value.message]
