"""What a film is said to take of memory, held to what the real networks take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import save_file
from torch import nn

from holocine_core.errors import InputError, MachineError
from holocine_core.model import free_memory as room
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.cost import Geometry, activation_bytes
from holocine_core.model.decode_cost import vae_decode_bytes
from holocine_core.model.devices import free_memory, pick_device
from holocine_core.model.free_memory import free_main_memory
from holocine_core.model.host_memory import PROCESS_BYTES, homes_of, host_need, pins
from holocine_core.model.lora.apply import apply_loras
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.lora.size import lora_sizes
from holocine_core.model.memory import (
    EXPERTS,
    Expert,
    Home,
    LoraSize,
    Needs,
    Strategy,
    device_phases,
    estimate_peaks,
)
from holocine_core.model.placement import Free, choose_placement
from holocine_core.model.release import CONFIGS
from holocine_core.model.spec import MODELS, ModelSpec
from holocine_core.model.weights import load_component
from holocine_core.plan.placing import memory_warnings
from holocine_core.script.timeline import LatentSpan
from tests.model.checkpoints import (
    golden_state,
    original_transformer,
    random_transformer,
    write_gguf,
)
from tests.model.device_bytes import LiveBytes, Pass, measured
from tests.model.test_lora import network, written
from tests.model.test_lora_kinds import KINDS, file_and_merge

pytestmark = pytest.mark.slow

BIG = MODELS["holocine-14b-sparse"]
GIB = 2**30
LAYERS = 2
ROLES = ("text_encoder", *EXPERTS, "vae")


def clip(latent_frames: int) -> Geometry:
    """Three shots at 832x480."""
    each = latent_frames // 3
    stops = (each, 2 * each, latent_frames)
    spans = tuple(LatentSpan(a, b) for a, b in zip((0, *stops), stops, strict=False))
    return Geometry(rows=60, columns=104, shots=spans)


def needs_at(frames: int, spec: ModelSpec = BIG, *, lora: bool = False) -> Needs:
    latents = clip((frames - 1) // 4 + 1)
    return Needs(
        denoise_bytes=activation_bytes(spec, latents, lora=lora),
        decode_bytes=vae_decode_bytes(832, 480),
    )


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> LocatedModel:
    """HoloCine-14B with two of its forty layers and of its encoder's, by its configs alone."""
    home = tmp_path_factory.mktemp("configs")
    parts = {}
    for name in ROLES:
        told = (CONFIGS / name.removesuffix("_2") / "config.json").read_text()
        for layers in ('"num_layers": 40', '"num_layers": 24'):
            told = told.replace(layers, f'"num_layers": {LAYERS}')
        config = home / name / "config.json"
        config.parent.mkdir()
        config.write_text(told)
        parts[name] = ComponentFiles(name=name, form="diffusers", paths=(), config=config)
    shape = replace(BIG.shape, layers=LAYERS, text_layers=LAYERS)
    layer = 8 * shape.width**2 + 2 * shape.width * shape.ffn
    whole = BIG.weight_bytes["transformer"] - 2 * (40 - LAYERS) * layer
    encoder = 2 * (shape.vocabulary * 4096 + LAYERS * (4 * 4096**2 + 3 * 4096 * 10240))
    spec = replace(
        BIG,
        shape=shape,
        weight_bytes={**BIG.weight_bytes, "transformer": whole, "text_encoder": encoder},
    )
    return LocatedModel(spec=spec, folder=home, components=parts)


@pytest.mark.parametrize(
    ("strategy", "lora"),
    [
        ("resident", True),
        ("swap", False),
        ("fp8", False),
        ("fp8", True),
        ("group", False),
        ("group", True),
    ],
)
def test_each_phase_takes_what_is_told(short: LocatedModel, strategy: Strategy, lora: bool) -> None:
    """At the real sizes but for the number of layers, within 3 %."""
    spec, rank = short.spec, 64
    needs = needs_at(81, spec, lora=lora)

    def change(part: nn.Module) -> None:
        if lora:
            ends = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]
            part.add_adapter(LoraConfig(r=rank, target_modules=ends))  # type: ignore[operator]
            for name, parameter in part.named_parameters():
                if ".lora_" in name:  # As files are laid over it.
                    parameter.data = parameter.data.to(torch.bfloat16)

    width, ffn = spec.shape.width, spec.shape.ffn
    numbers = LAYERS * rank * (8 * 2 * width + 2 * (width + ffn))
    size = LoraSize(numbers if lora else 0)
    needs = replace(needs, loras=(size, size))
    told = device_phases(spec, needs, "bfloat16", strategy, streams=False)
    found = measured(Pass(short, strategy, clip(21), change))
    for phase, (peak, _) in found.items():
        # transformers' encoder and ours differ in what attention keeps.
        some = 2**28 if phase == "text" else 0
        assert told[phase] == pytest.approx(peak, rel=0.03, abs=some), phase
    if strategy != "group" and not lora:  # Pins need a GPU; a LoRA is copied as it is loaded.
        host = host_need(spec, needs, "bfloat16", strategy, "cuda", None)
        own = max(main for _, main in found.values())
        assert host.held - PROCESS_BYTES["cuda"] == pytest.approx(own, rel=0.03, abs=2**21)


class TestLoras:
    @pytest.mark.parametrize("kind", KINDS)
    def test_what_changes_weights_adds_nothing(self, tmp_path: Path, kind: str) -> None:
        lora, _ = file_and_merge(tmp_path / "a.safetensors", kind, "musubi", 1.0)
        ours = network()
        before = {name: value.data_ptr() for name, value in ours.named_parameters()}
        apply_loras(ours, "transformer", [lora])
        after = dict(ours.named_parameters())
        moved = sum(after[n].numel() for n in before if after[n].data_ptr() != before[n])
        assert lora_sizes([lora]) == (LoraSize(0, moved),) * 2

    @pytest.mark.parametrize("expert", ["high", "low", "both"])
    def test_pairs_stay_beside_their_expert(
        self, tmp_path: Path, expert: Literal["high", "low", "both"]
    ) -> None:
        state = {}
        for name, inputs, outputs in (("attn1.to_q", 24, 24), ("ffn.net.2", 32, 24)):
            state[f"transformer.blocks.0.{name}.lora_A.weight"] = torch.ones(4, inputs)
            state[f"transformer.blocks.0.{name}.lora_B.weight"] = torch.ones(outputs, 4)
        state["transformer.blocks.1.attn1.to_k.diff_b"] = torch.ones(24)
        lora = LoraFile(path=written(tmp_path / "a.safetensors", state), expert=expert)
        ours = network()
        before = sum(one.numel() for one in ours.parameters())
        apply_loras(ours, "transformer_2" if expert == "low" else "transformer", [lora])
        added = sum(one.numel() for one in ours.parameters()) - before
        there = LoraSize(added, 24)
        sizes = dict(zip(("high", "low"), lora_sizes([lora, lora]), strict=True))
        for name, size in sizes.items():
            twice = LoraSize(2 * there.adapters, 2 * there.changed)
            assert size == (twice if expert in (name, "both") else LoraSize())

    def test_a_file_of_both_experts_is_split(self, tmp_path: Path) -> None:
        state = {}
        for part, rank in (("transformer", 2), ("transformer_2", 4)):
            state[f"{part}.blocks.0.attn1.to_q.lora_A.weight"] = torch.ones(rank, 24)
            state[f"{part}.blocks.0.attn1.to_q.lora_B.weight"] = torch.ones(24, rank)
        lora = LoraFile(path=written(tmp_path / "a.safetensors", state))
        assert lora_sizes([lora]) == (LoraSize(2 * 48), LoraSize(4 * 48))

    def test_a_file_that_is_none_counts_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.safetensors").write_bytes(b"<html>")
        files = [LoraFile(path=tmp_path / name) for name in ("a.safetensors", "b.safetensors")]
        assert lora_sizes(files) == (LoraSize(), LoraSize())

    def test_rank_64_is_more_than_half_a_gigabyte_of_an_expert(self) -> None:
        numbers = 40 * 64 * (16 * 5120 + 2 * (5120 + 13824))
        needs = replace(needs_at(81), loras=(LoraSize(numbers), LoraSize()))
        plain, beside = (
            device_phases(BIG, one, "bfloat16", "swap") for one in (needs_at(81), needs)
        )
        assert beside["high"] - plain["high"] == 2 * numbers > 0.6e9
        assert beside["low"] == plain["low"]


class TestChoice:
    """By both memories."""

    def chosen(self, card: float, main: float | None, frames: int = 81) -> str:
        free = Free(round(card * GIB), None if main is None else round(main * GIB))
        return choose_placement(BIG, needs_at(frames), free, "cuda").strategy

    def test_a_24_gb_card_films_81_frames_in_fp8(self) -> None:
        assert self.chosen(23.5, 64) == "fp8"
        assert self.chosen(23.5, None) == "fp8"

    def test_and_241_by_blocks(self) -> None:
        assert self.chosen(23.5, 64, frames=241) == "group"

    def test_where_main_memory_has_no_room_for_two_experts_blocks_are_read(self) -> None:
        assert self.chosen(23.5, 32) == "fp8"
        assert self.chosen(23.5, 30) == "group"

    def test_where_it_has_room_for_nothing_it_is_said(self) -> None:
        with pytest.raises(MachineError, match="of main memory are free") as raised:
            self.chosen(23.5, 3)
        assert raised.value.where == "main memory"
        assert "fp8 27.9 GiB, group 3.7 GiB" in raised.value.message

    def test_decoding_is_not_beside_the_transformer_but_where_all_is_resident(self) -> None:
        less, more = (replace(needs_at(81), decode_bytes=size * GIB) for size in (1, 8))
        low, high = (estimate_peaks(BIG, needs, "bfloat16") for needs in (less, more))
        assert high["resident"] - low["resident"] == pytest.approx(
            8 * GIB - less.denoise_bytes, rel=0.01
        )
        assert (low["swap"], low["fp8"]) == (high["swap"], high["fp8"])

    def test_ranks_hold_weights_each(self) -> None:
        one, two = (
            host_need(BIG, Needs(processes=n), "bfloat16", "fp8", "cuda", None).held for n in (1, 2)
        )
        assert two == 2 * one > 2 * 29e9


class TestMainMemory:
    """By placement, of a GPU that is not needed for it."""

    def need(self, strategy: Strategy, free: float | None = None, **also: object) -> Home:
        needs = replace(needs_at(81), **also)  # type: ignore[arg-type]
        told = host_need(
            BIG, needs, "bfloat16", strategy, "cuda", None if free is None else round(free * GIB)
        )
        return Home(told.mapped, told.held)

    def test_fp8_holds_both_experts(self) -> None:
        found = self.need("fp8")
        assert found.copied == pytest.approx(29e9, rel=0.05)
        assert found.mapped == 0

    def test_swap_comes_back_to_its_files_with_the_next_take(self) -> None:
        assert self.need("swap").mapped == 0
        assert self.need("swap", takes=2).mapped == pytest.approx(57e9, rel=0.02)
        assert self.need("swap", takes=2).copied < 3e9

    def test_group_is_pinned_where_there_is_room(self) -> None:
        """Powers of two for every matrix: 1.5 times their bytes."""
        little, some, much = (self.need("group", free) for free in (20, 60, 200))
        assert little.mapped == pytest.approx(57e9, rel=0.02)
        assert little.copied < 7e9
        assert some.mapped == pytest.approx(28.5e9, rel=0.02)
        assert some.copied == pytest.approx(43e9 + 6e9, rel=0.1)
        assert much.mapped == 0
        assert much.copied == pytest.approx(2 * 43e9, rel=0.05)
        whole = Expert(BIG, "bfloat16").whole
        assert pins(whole, 2 * whole)
        assert not pins(whole, 2 * whole - 2)
        assert not pins(whole, None)

    def test_whole_differences_leave_the_file(self) -> None:
        size = LoraSize(changed=10**9)
        plain, changed = (
            self.need("swap", takes=2, loras=(one, one)) for one in (LoraSize(), size)
        )
        assert plain.mapped - changed.mapped == 4 * 10**9
        assert changed.copied - plain.copied == 4 * 10**9

    def test_files_that_compute_as_they_are_stay_files(self, tiny: Path) -> None:
        from holocine_core.model.locate import find_model

        located = find_model(str(tiny))
        as_stored, narrowed = homes_of(located, "float32"), homes_of(located, "bfloat16")
        files = located.component("transformer")
        for dtype, home in ((torch.float32, as_stored), (torch.bfloat16, narrowed)):
            with LiveBytes() as live:
                network = load_component(files, dtype, read_only=True)
            tables = sum(one.nbytes for one in network.buffers())
            own = live.now["device"] - tables
            assert home["transformer"].copied == pytest.approx(own, rel=0.15, abs=64)
        assert narrowed["vae"] == as_stored["vae"] == Home(as_stored["vae"].mapped, 0)
        assert as_stored["transformer"].copied == 0

    @pytest.mark.parametrize("zipped", [True, False])
    def test_torch_files_are_mapped_where_they_are_archives(
        self, tmp_path: Path, zipped: bool
    ) -> None:
        path = tmp_path / "weights.pth"
        torch.save(golden_state(), path, _use_new_zipfile_serialization=zipped)
        files = ComponentFiles(name="transformer", form="pth", paths=(path,))
        located = LocatedModel(spec=BIG, folder=tmp_path, components={"transformer": files})
        size = sum(one.nbytes for one in golden_state().values())
        found = homes_of(located, "float32")["transformer"]
        assert found == (Home(size, 0) if zipped else Home(0, size))
        assert homes_of(located, "bfloat16")["transformer"] == Home(0, size // 2)

    def test_packed_files_are_copied(self, tmp_path: Path) -> None:
        path = tmp_path / "high-Q8_0.gguf"
        write_gguf(original_transformer(random_transformer().state_dict()), path)
        files = ComponentFiles(name="transformer", form="gguf", paths=(path,))
        located = LocatedModel(spec=BIG, folder=tmp_path, components={"transformer": files})
        assert homes_of(located, "bfloat16")["transformer"] == Home(0, path.stat().st_size)

    def test_matrices_that_come_in_fp8_stay_in_their_file(self, tmp_path: Path) -> None:
        path = tmp_path / "high.safetensors"
        state = {
            "blocks.0.attn1.to_q.weight": torch.ones(32, 32).to(torch.float8_e4m3fn),
            "blocks.0.attn1.to_q.bias": torch.ones(32, dtype=torch.bfloat16),
            "proj_out.weight": torch.ones(64, 32).to(torch.float8_e4m3fn),
        }
        save_file(state, path)
        files = ComponentFiles(name="transformer", form="diffusers", paths=(path,))
        located = LocatedModel(spec=BIG, folder=tmp_path, components={"transformer": files})
        assert homes_of(located, "bfloat16")["transformer"] == Home(1024 + 64, 2 * 2048)
        spec = replace(BIG, weight_bytes={**BIG.weight_bytes, "transformer": 15 * 10**9})
        packed = replace(needs_at(81), packed="fp8")
        told = device_phases(spec, packed, "bfloat16", "swap")
        assert told["high"] == pytest.approx(15e9 + packed.denoise_bytes, rel=0.01)
        assert host_need(spec, packed, "bfloat16", "swap", "cuda", None).held < 3e9

    def test_what_can_not_stay_in_memory_is_told(self) -> None:
        free = Free(24 * GIB, 30 * GIB)
        two = replace(needs_at(241), takes=2)
        group = choose_placement(BIG, two, free, "cuda")
        assert group.strategy == "group"
        (warning,) = memory_warnings(group)
        assert "in every pass of every step" in warning.message
        roomy = choose_placement(BIG, two, Free(24 * GIB, 90 * GIB), "cuda")
        assert not list(memory_warnings(roomy))
        asked = choose_placement(BIG, two, free, "cuda", "fp8")
        for warning, place in zip(memory_warnings(asked), ("cuda", "main memory"), strict=True):
            assert "--memory fp8 asks for" in warning.message
            assert place in warning.message


class TestFreeMemory:
    """Of containers, too."""

    @pytest.fixture
    def system(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(room, "ROOT", tmp_path)
        self.write(tmp_path / "proc/meminfo", "MemTotal: 100 kB\nMemAvailable:    65536 kB\n")
        return tmp_path

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def group(self, folder: Path, most: str, used: int, files: int, version: int = 2) -> None:
        names = ("memory.max", "memory.current", "inactive_file")
        if version == 1:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        self.write(folder / names[0], f"{most}\n")
        self.write(folder / names[1], f"{used}\n")
        self.write(folder / "memory.stat", f"anon {used - files}\n{names[2]} {files}\n")

    def test_the_machines(self, system: Path) -> None:
        assert free_main_memory() == free_memory("cpu") == 2**26

    def test_a_container_s(self, system: Path) -> None:
        self.write(system / "proc/self/cgroup", "0::/a/b\n")
        home = system / "sys/fs/cgroup"
        self.group(home / "a/b", "max", 2**20, 0)
        assert free_main_memory() == 2**26
        self.group(home / "a", str(2**22), 2**21, 2**19)
        assert free_main_memory() == 2**22 - 2**21 + 2**19
        self.group(home / "a/b", str(2**20), 2**21, 0)
        assert free_main_memory() == 0

    def test_one_whose_path_is_the_host_s(self, system: Path) -> None:
        self.write(system / "proc/self/cgroup", "0::/docker/0123\n")
        self.group(system / "sys/fs/cgroup", str(2**23), 2**20, 0)
        assert free_main_memory() == 2**23 - 2**20

    def test_of_the_first_version(self, system: Path) -> None:
        self.write(system / "proc/self/cgroup", "5:cpu:/x\n4:memory:/job\n0::/\n")
        self.group(system / "sys/fs/cgroup/memory/job", str(2**24), 2**22, 2**20, version=1)
        assert free_main_memory() == 2**24 - 2**22 + 2**20

    def test_where_nobody_tells(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room, "ROOT", tmp_path)
        assert free_main_memory() is None


class TestAGpuToPlanFor:
    @pytest.mark.parametrize(
        ("name", "gib"), [("cuda:24gb", 24), ("cuda:80GB", 80), ("cuda:11.5gb", 11.5)]
    )
    def test_it_needs_not_be_there(self, name: str, gib: float) -> None:
        device = pick_device(name)
        assert free_memory(device) == gib * GIB
        placement = choose_placement(BIG, needs_at(81), Free(free_memory(device)), device)
        assert placement.is_imagined
        assert not placement.reason.endswith("free")
        with pytest.raises(InputError, match="to plan for") as raised:
            placement.require_device()
        assert "cuda:N" in raised.value.hint

    def test_a_real_one_is_worked_on(self) -> None:
        placement = choose_placement(BIG, needs_at(81), Free(80 * GIB), "cuda:1")
        placement.require_device()
        assert placement.reason.endswith("free")

    @pytest.mark.parametrize("name", ["cuda:gb", "cuda:24 gb", "cuda:24mb", "mps:24gb", "24gb"])
    def test_a_name_that_is_none(self, name: str) -> None:
        with pytest.raises(InputError, match="no device") as raised:
            pick_device(name)
        assert "cuda:24gb" in raised.value.hint


@pytest.mark.gpu
@pytest.mark.parametrize("strategy", ["resident", "swap", "fp8", "group"])
def test_a_gpu_holds_what_is_told(strategy: Strategy, tmp_path: Path) -> None:
    """Workspaces of its kernels come on top."""
    from benchmarks.memory_estimates import on_a_gpu

    for phase, (told, found) in on_a_gpu(strategy, tmp_path).items():
        assert told == pytest.approx(found, rel=0.15, abs=2**27), phase


def test_saved_files_are_read_by_their_header_alone(tmp_path: Path) -> None:
    """A LoRA that is cut short in its numbers is refused elsewhere, and counts nothing here."""
    path = tmp_path / "a.safetensors"
    save_file({"a.lora_A.weight": torch.ones(2, 8), "a.lora_B.weight": torch.ones(8, 2)}, path)
    assert lora_sizes([LoraFile(path=path)])[0].adapters == 32
    path.write_bytes(path.read_bytes()[:-1])
    assert lora_sizes([LoraFile(path=path)])[0].adapters == 0
