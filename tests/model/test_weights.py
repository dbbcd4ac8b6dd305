"""Weights: every naming gives the very same network, and nothing is ignored."""

from __future__ import annotations

import json
import math
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import UMT5Config, UMT5EncoderModel

from holocine_core.errors import HolocineError, InputError, MachineError
from holocine_core.model.components import ComponentFiles
from holocine_core.model.fitting import file_problems, model_problems
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component
from tests.model.checkpoints import (
    GOLDEN,
    golden_config,
    golden_state,
    original_transformer,
    original_vae,
    random_transformer,
    write_gguf,
)


def original(folder: Path, state: dict[str, Tensor], config: object = None) -> ComponentFiles:
    """An expert file in original names, with its config."""
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "full_high_noise.safetensors")
    (folder / "config.json").write_text(json.dumps(config or golden_config()))
    return ComponentFiles(
        name="transformer",
        form="original",
        paths=(folder / "full_high_noise.safetensors",),
        config=folder / "config.json",
    )


def distance(given: Tensor, wanted: Tensor) -> float:
    return float((given - wanted).norm() / wanted.norm())


def velocity(network: nn.Module, dtype: torch.dtype = torch.float32, text: int = 32) -> Tensor:
    make = torch.Generator().manual_seed(5)
    latents = torch.randn(1, 4, 3, 8, 8, generator=make).to(dtype)
    context = torch.randn(1, 20, text, generator=make).to(dtype)
    with torch.no_grad():
        out: Tensor = network(latents, torch.tensor([731.0]), context, return_dict=False)[0]
    return out.float()


class TestTransformer:
    def test_the_release_names_give_the_release_outputs(self, release: Path) -> None:
        network = load_component(find_model(str(release)).component("transformer"), torch.float32)
        golden = load_file(GOLDEN / "cases.safetensors")
        with torch.no_grad():
            given = network(
                golden["case0.latents"],
                torch.tensor([987.0]),
                golden["case0.context"],
                return_dict=False,
            )[0]
        assert distance(given, golden["case0.unwindowed"]) < 1e-5

    def test_both_experts_are_their_own_file(self, release: Path) -> None:
        located = find_model(str(release))
        high = load_component(located.component("transformer"), torch.float32)
        low = load_component(located.component("transformer_2"), torch.float32)
        assert torch.allclose(low.proj_out.bias, high.proj_out.bias + 1)

    def test_it_is_frozen_and_in_eval_mode(self, tiny: Path) -> None:
        network = load_component(find_model(str(tiny)).component("transformer"), torch.float32)
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())

    @pytest.mark.parametrize("form", ["diffusers", "original"])
    def test_bfloat16_leaves_sensitive_layers_in_float32(
        self, form: str, tiny: Path, release: Path
    ) -> None:
        folder = tiny if form == "diffusers" else release
        files = find_model(str(folder)).component("transformer")
        assert files.form == form
        types = {n: p.dtype for n, p in load_component(files, torch.bfloat16).named_parameters()}
        # diffusers' own loader for its own layout is the judge.
        judge = WanTransformer3DModel.from_pretrained(
            tiny / "transformer", torch_dtype=torch.bfloat16
        )
        assert types == {name: p.dtype for name, p in judge.named_parameters()}
        assert types["blocks.0.scale_shift_table"] == torch.float32
        assert types["blocks.0.attn1.to_q.weight"] == torch.bfloat16

    def test_position_tables_survive_the_empty_start(self, tiny: Path) -> None:
        network = load_component(find_model(str(tiny)).component("transformer"), torch.float32)
        judge = WanTransformer3DModel.from_pretrained(tiny / "transformer")
        assert torch.equal(network.rope.freqs_cos, judge.rope.freqs_cos)

    def test_weights_stay_in_their_file(self, tmp_path: Path) -> None:
        files = original(tmp_path, golden_state())
        network = load_component(files, torch.float32)
        maps = Path("/proc/self/maps")
        if not maps.exists():
            pytest.skip("needs /proc")
        mapped = [
            range(*(int(end, 16) for end in line.split()[0].split("-")))
            for line in maps.read_text().splitlines()
            if line.endswith(str(files.paths[0]))
        ]
        assert mapped
        for name, parameter in network.named_parameters():
            assert any(parameter.data_ptr() in span for span in mapped), f"{name} was copied"

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda s: s.pop("blocks.1.ffn.0.bias"), "blocks.1.ffn.net.0.proj.bias is missing"),
            (lambda s: s.update({"blocks.7.x": torch.ones(1)}), "blocks.7.x is unexpected"),
            (lambda s: s.update({"head.head.bias": torch.ones(9)}), "proj_out.bias is 9, not 16"),
            (
                lambda s: s.update({"head.head.bias": torch.ones(16, dtype=torch.int8)}),
                "torch.int8",
            ),
            (
                lambda s: s.update(
                    {"model.diffusion_model.head.head.bias": s["head.head.bias"].clone()}
                ),
                "share their name",
            ),
        ],
        ids=["missing", "unexpected", "misshaped", "int8", "twice"],
    )
    def test_nothing_is_ignored(self, change: object, says: str, tmp_path: Path) -> None:
        state = golden_state()
        change(state)  # type: ignore[operator]
        files = original(tmp_path, state)
        with pytest.raises(MachineError, match=says) as raised:
            load_component(files, torch.float32)
        assert "full_high_noise.safetensors" in raised.value.where
        assert raised.value.hint

    def test_many_faults_are_counted(self, tmp_path: Path) -> None:
        files = original(tmp_path, golden_state(), {**golden_config(), "num_layers": 1})
        with pytest.raises(MachineError, match=r"unexpected; .* and 24 more"):
            load_component(files, torch.float32)

    def test_a_cut_file_is_damaged(self, tmp_path: Path) -> None:
        files = original(tmp_path, golden_state())
        files.paths[0].write_bytes(files.paths[0].read_bytes()[:-100])
        with pytest.raises(MachineError, match="damaged"):
            load_component(files, torch.float32)

    def test_a_config_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        files = original(tmp_path, golden_state(), {**golden_config(), "window_size": [-1, -1]})
        with pytest.raises(InputError, match="window_size"):
            load_component(files, torch.float32)

    def test_headers_alone_tell_the_faults(self, release: Path, tmp_path: Path) -> None:
        located = find_model(str(release))
        assert model_problems(located, frozenset(located.components)) == []
        state = golden_state()
        del state["head.head.bias"]
        files = original(tmp_path, state)
        (problem,) = file_problems(files)
        assert str(files.config) in problem.message, "it may be the one at fault"
        assert "does not fit the network: head.head.bias is missing" in problem.message

    def test_the_test_names_are_the_release_names(self) -> None:
        network = WanTransformer3DModel.from_config(golden_config())
        assert set(original_transformer(network.state_dict())) == set(golden_state())


class TestGguf:
    def files(self, folder: Path, state: dict[str, Tensor], network: nn.Module) -> ComponentFiles:
        write_gguf(state, folder / "full_high_noise-Q8_0.gguf")
        (folder / "config.json").write_text(json.dumps(dict(network.config)))
        return ComponentFiles(
            name="transformer",
            form="gguf",
            paths=(folder / "full_high_noise-Q8_0.gguf",),
            config=folder / "config.json",
        )

    def test_eight_bits_come_close(self, tmp_path: Path) -> None:
        whole = random_transformer()
        files = self.files(tmp_path, original_transformer(whole.state_dict()), whole)
        packed = load_component(files, torch.float32)
        weight = packed.blocks[0].attn1.to_q.weight
        assert weight.dtype == torch.uint8, "linear layers stay packed"
        assert packed.blocks[0].scale_shift_table.dtype == torch.float32
        off = distance(velocity(packed, text=64), velocity(whole, text=64))
        assert 0 < off < 0.01

    @pytest.mark.parametrize("fault", ["missing", "unexpected", "misshaped"])
    def test_nothing_is_ignored(self, fault: str, tmp_path: Path) -> None:
        whole = random_transformer()
        state = original_transformer(whole.state_dict())
        if fault == "missing":
            del state["blocks.0.self_attn.q.weight"]
        elif fault == "unexpected":
            state["blocks.0.extra.weight"] = torch.ones(4)
        else:
            state["blocks.0.self_attn.q.weight"] = torch.ones(64, 32)
        with pytest.raises(MachineError, match=r"attn1\.to_q|extra") as raised:
            load_component(self.files(tmp_path, state, whole), torch.float32)
        assert raised.value.where.endswith(".gguf")

    def test_without_the_package_it_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = random_transformer()
        files = self.files(tmp_path, original_transformer(whole.state_dict()), whole)
        monkeypatch.setattr("holocine_core.model.gguf_header.find_spec", lambda name: None)
        with pytest.raises(MachineError) as raised:
            load_component(files, torch.float32)
        assert raised.value.hint == "pip install 'holocine[lowmem]'"

    def test_a_file_of_something_else_is_damaged(self, tmp_path: Path) -> None:
        whole = random_transformer()
        files = self.files(tmp_path, original_transformer(whole.state_dict()), whole)
        files.paths[0].write_bytes(b"no gguf at all, " * 10)
        with pytest.raises(MachineError, match="damaged"):
            load_component(files, torch.float32)


EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight")


class TestTextEncoder:
    IDS = torch.tensor([[5, 9, 300, 7, 1]])

    def states(self, network: nn.Module) -> Tensor:
        with torch.no_grad():
            out: Tensor = network(self.IDS).last_hidden_state
        return out

    def rewritten(
        self, tiny: Path, folder: Path, change: dict[str, Tensor | None]
    ) -> ComponentFiles:
        home = folder / "pipeline"
        shutil.copytree(tiny, home)
        path = home / "text_encoder" / "model.safetensors"
        state: dict[str, Tensor | None] = {**load_file(path), **change}
        kept = {name: tensor.clone() for name, tensor in state.items() if tensor is not None}
        save_file(kept, path, metadata={"format": "pt"})
        return find_model(str(home)).component("text_encoder")

    @pytest.mark.parametrize("held", [EMBEDDINGS[:1], EMBEDDINGS[1:], EMBEDDINGS])
    def test_either_name_of_the_embedding_will_do(
        self, held: tuple[str, ...], tiny: Path, tmp_path: Path
    ) -> None:
        embedding = load_file(tiny / "text_encoder" / "model.safetensors")["shared.weight"]
        change = {name: embedding if name in held else None for name in EMBEDDINGS}
        network = load_component(self.rewritten(tiny, tmp_path, change), torch.float32)
        judge = UMT5EncoderModel.from_pretrained(tiny / "text_encoder").eval()
        assert torch.equal(self.states(network), self.states(judge))
        assert network.encoder.embed_tokens.weight is network.shared.weight

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"shared.weight": torch.zeros(1383, 32)}, "zeros"),
            ({"encoder.embed_tokens.weight": torch.zeros(1383, 32)}, "differ"),
            ({"shared.weight": None}, "embed_tokens.weight is missing|shared.weight is missing"),
            ({"encoder.block.0.layer.0.SelfAttention.q.weight": None}, "q.weight is missing"),
        ],
        ids=["zeros", "differ", "no embedding", "no query"],
    )
    def test_a_broken_encoder_is_refused(
        self, change: dict[str, Tensor | None], says: str, tiny: Path, tmp_path: Path
    ) -> None:
        rows = load_file(tiny / "text_encoder" / "model.safetensors")["shared.weight"].shape[0]
        change = {k: v if v is None else torch.zeros(rows, 32) for k, v in change.items()}
        with pytest.raises(MachineError, match=says):
            load_component(self.rewritten(tiny, tmp_path, change), torch.float32)

    def test_the_original_file_gives_the_original_outputs(self, tmp_path: Path) -> None:
        torch.manual_seed(11)
        reference = OriginalUmt5(vocabulary=320, width=32, heads=4, ffn=48, layers=2)
        path = tmp_path / "models_t5_umt5-xxl-enc-bf16.pth"
        torch.save(reference.state_dict(), path)
        config = UMT5Config(
            vocab_size=320, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4
        ).to_dict()
        path.with_suffix(".json").write_text(json.dumps(config))
        files = ComponentFiles(
            name="text_encoder", form="pth", paths=(path,), config=path.with_suffix(".json")
        )
        ids = torch.randint(3, 320, (1, 150))
        with torch.no_grad():
            wanted = reference(ids)
            given = load_component(files, torch.float32)(ids).last_hidden_state
        assert distance(given, wanted) < 1e-5


class OriginalUmt5(nn.Module):
    """UMT5's encoder, from its description, with the parameter names of Wan's file.

    Pre-norm blocks; attention without scaling, each block with its own relative position table
    (32 buckets: half per direction, half of those exact, the rest logarithmic up to 128); a
    feed-forward gated by tanh-GELU; RMS norms without mean or bias.
    """

    def __init__(self, vocabulary: int, width: int, heads: int, ffn: int, layers: int) -> None:
        super().__init__()
        self.heads = heads
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.blocks = nn.ModuleList()
        for _ in range(layers):
            block = nn.Module()
            block.norm1, block.norm2 = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
            block.attn = nn.ModuleDict({k: nn.Linear(width, width, bias=False) for k in "qkvo"})
            block.ffn = nn.ModuleDict(
                {
                    "gate": nn.Sequential(nn.Linear(width, ffn, bias=False)),
                    "fc1": nn.Linear(width, ffn, bias=False),
                    "fc2": nn.Linear(ffn, width, bias=False),
                }
            )
            block.pos_embedding = nn.ModuleDict({"embedding": nn.Embedding(32, heads)})
            self.blocks.append(block)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.6)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.token_embedding(ids)
        buckets = torch.tensor(
            [[bucket(key - query) for key in range(ids.shape[1])] for query in range(ids.shape[1])]
        )
        for block in self.blocks:
            x = block.norm1(hidden)
            q, k, v = (
                block.attn[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                for name in "qkv"
            )
            scores = q @ k.transpose(-1, -2)
            scores = scores + block.pos_embedding["embedding"](buckets).permute(2, 0, 1)
            x = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
            hidden = hidden + block.attn["o"](x)
            x = block.norm2(hidden)
            gate = functional.gelu(block.ffn["gate"](x), approximate="tanh")
            hidden = hidden + block.ffn["fc2"](gate * block.ffn["fc1"](x))
        return self.norm(hidden)


def bucket(offset: int) -> int:
    """The relative position bucket of a key ``offset`` tokens after the query."""
    side, distance = (16 if offset > 0 else 0), abs(offset)
    if distance < 8:
        return side + distance
    return side + min(15, 8 + int(math.log(distance / 8) / math.log(128 / 8) * 8))


class TestVae:
    LATENTS = torch.randn(1, 4, 3, 4, 4, generator=torch.Generator().manual_seed(2))

    def frames(self, vae: nn.Module) -> Tensor:
        with torch.no_grad():
            out: Tensor = vae.decode(self.LATENTS).sample
        return out

    def small(self) -> AutoencoderKLWan:
        torch.manual_seed(4)
        return AutoencoderKLWan(
            base_dim=2, z_dim=4, num_res_blocks=2, latents_mean=[0.0] * 4, latents_std=[1.0] * 4
        ).eval()

    def pth(self, folder: Path, value: object) -> ComponentFiles:
        path = folder / "Wan2.1_VAE.pth"
        torch.save(value, path)
        path.with_suffix(".json").write_text(json.dumps(dict(self.small().config)))
        return ComponentFiles(
            name="vae", form="pth", paths=(path,), config=path.with_suffix(".json")
        )

    def test_it_is_float32_whatever_the_rest_is(self, release: Path) -> None:
        files = find_model(str(release)).component("vae")
        vae = load_component(files, torch.bfloat16)
        assert {parameter.dtype for parameter in vae.parameters()} == {torch.float32}
        judge = AutoencoderKLWan.from_pretrained(files.paths[0].parent).eval()
        assert torch.equal(self.frames(vae), self.frames(judge))

    def test_the_original_file_gives_the_same_frames(self, tmp_path: Path) -> None:
        vae = self.small()
        files = self.pth(tmp_path, original_vae(vae.state_dict()))
        assert torch.equal(self.frames(load_component(files, torch.float32)), self.frames(vae))

    def test_nothing_is_ignored(self, tmp_path: Path) -> None:
        state = original_vae(self.small().state_dict())
        del state["decoder.middle.1.proj.bias"]
        with pytest.raises(MachineError, match=r"mid_block\.attentions\.0\.proj\.bias"):
            load_component(self.pth(tmp_path, state), torch.float32)

    def test_a_pickle_with_code_is_not_run(self, tmp_path: Path) -> None:
        trap = tmp_path / "sprung"
        files = self.pth(tmp_path, {"conv1.weight": Trap(trap)})
        with pytest.raises(MachineError, match="more than weights"):
            load_component(files, torch.float32)
        assert not trap.exists()

    @pytest.mark.parametrize("content", [b"", b"PK no zip", pickle.dumps({"a": 1}, protocol=2)])
    def test_a_damaged_file_is_a_machine_error(self, content: bytes, tmp_path: Path) -> None:
        files = self.pth(tmp_path, {})
        files.paths[0].write_bytes(content)
        with pytest.raises(HolocineError) as raised:
            load_component(files, torch.float32)
        assert raised.value.kind == "machine"


class Trap:
    """Unpickled without care, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)
