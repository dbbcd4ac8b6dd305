"""Placement: the first strategy that fits, and numbers where none does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from holocine_core.errors import InputError, MachineError
from holocine_core.model import devices as room
from holocine_core.model.devices import free_memory, pick_device, visible_gpus
from holocine_core.model.memory import Needs, estimate_peaks
from holocine_core.model.placement import ON_GPU, Free, Strategy, choose_placement
from holocine_core.model.spec import MODELS
from holocine_core.model.tiny import TINY

BIG = MODELS["holocine-14b-full"]
GB = 10**9
NEEDS = Needs(denoise_bytes=6 * GB, decode_bytes=7 * GB)
SOME = Needs(denoise_bytes=GB)


class TestChoosePlacement:
    @pytest.mark.parametrize(
        ("card", "strategy"),
        [
            (141, "resident"),
            (80, "resident"),
            (64, "swap"),
            (40, "swap"),
            (24, "fp8"),
            (16, "group"),
        ],
    )
    def test_usual_cards(self, card: int, strategy: Strategy) -> None:
        free = card * 2**30
        chosen = choose_placement(BIG, NEEDS, Free(free), "cuda")
        assert chosen.strategy == strategy
        assert chosen.precision == "bfloat16"
        assert chosen.peak_bytes <= 0.9 * free
        assert "GiB" in chosen.reason

    def test_a_film_goes_on_as_it_was_begun(self) -> None:
        peaks = estimate_peaks(BIG, NEEDS, "bfloat16")
        swap = choose_placement(BIG, NEEDS, Free(int(peaks["swap"] / 0.9) + 1), "cuda")
        less = int(peaks["fp8"] / 0.9) + 1
        assert choose_placement(BIG, NEEDS, Free(less), "cuda").strategy == "fp8"
        later = choose_placement(BIG, NEEDS, Free(less), "cuda", begun=swap.computing)
        assert (later.strategy, later.computing) == ("group", swap.computing)
        assert "as the film was begun" in later.reason
        small = choose_placement(BIG, NEEDS, Free(less), "cuda")
        more = choose_placement(BIG, NEEDS, Free(200 * 2**30), "cuda", begun=small.computing)
        assert more.strategy == "fp8"
        with pytest.raises(MachineError, match="go on as its takes were begun"):
            choose_placement(BIG, NEEDS, Free(less - 2), "cuda", begun=small.computing)
        # Made on another device: nothing to go on with.
        other = choose_placement(BIG, NEEDS, Free(less), "cuda", begun="cpu, float32")
        assert other.strategy == "fp8"

    @pytest.mark.parametrize("strategy", ON_GPU)
    def test_a_strategy_is_taken_from_the_byte_on_where_it_fits(self, strategy: Strategy) -> None:
        peak = estimate_peaks(BIG, NEEDS, "bfloat16")[strategy]
        enough = int(peak / 0.9) + 1
        later = ON_GPU[ON_GPU.index(strategy) + 1 :]
        assert choose_placement(BIG, NEEDS, Free(enough), "cuda").strategy == strategy
        if later:
            assert choose_placement(BIG, NEEDS, Free(enough - 2), "cuda").strategy in later
        else:
            with pytest.raises(MachineError):
                choose_placement(BIG, NEEDS, Free(enough - 2), "cuda")

    def test_each_strategy_needs_less_than_the_one_before(self) -> None:
        found = estimate_peaks(BIG, NEEDS, "bfloat16")
        peaks = [found[strategy] for strategy in ON_GPU]
        assert peaks == sorted(peaks, reverse=True)
        assert len(set(peaks)) == len(peaks)
        # Two experts and the VAE by the table; the text encoder has gone when they compute.
        assert peaks[0] > 2 * 28.5 * GB + 0.5 * GB + NEEDS.denoise_bytes

    def test_activations_count(self) -> None:
        small = choose_placement(BIG, SOME, Free(40 * GB), "cuda")
        large = choose_placement(BIG, Needs(denoise_bytes=20 * GB), Free(40 * GB), "cuda")
        assert (small.strategy, large.strategy) == ("swap", "fp8")
        assert large.peak_bytes > 20 * GB

    def test_nothing_fits(self) -> None:
        with pytest.raises(MachineError) as raised:
            choose_placement(BIG, NEEDS, Free(6 * GB), "cuda:1")
        error = raised.value
        assert error.where == "cuda:1"
        for strategy in ON_GPU:
            assert strategy in error.message
        assert "5.6 GiB free" in error.message
        assert "draft" in error.hint

    def test_the_cpu_has_no_choice(self) -> None:
        assert choose_placement(TINY, SOME, Free(4 * GB), "cpu").strategy == "resident"
        with pytest.raises(MachineError, match="resident") as raised:
            choose_placement(BIG, SOME, Free(32 * GB), "cpu")
        assert "fp8" not in raised.value.message

    def test_a_cpu_decides_by_all_that_main_memory_is_asked_for(self) -> None:
        needs = Needs(denoise_bytes=4 * GB, frame_bytes=3 * GB)
        chosen = choose_placement(TINY, needs, Free(20 * GB), "cpu")
        assert chosen.host.held > chosen.peak_bytes + 3 * GB
        assert chosen.reason.startswith(f"{chosen.host.held / 2**30:.1f} GiB of")
        with pytest.raises(MachineError, match=f"resident {chosen.host.held / 2**30:.1f} GiB"):
            choose_placement(TINY, needs, Free(round(chosen.host.held / 0.91)), "cpu")
        choose_placement(TINY, needs, Free(round(chosen.host.held / 0.89)), "cpu")

    def test_small_models_are_exact_on_the_cpu(self) -> None:
        assert choose_placement(TINY, Needs(), Free(GB), "cpu").precision == "float32"
        assert choose_placement(BIG, Needs(), Free(500 * GB), "cpu").precision == "bfloat16"
        assert choose_placement(TINY, Needs(), Free(GB), "cuda").precision == "bfloat16"

    def test_unknown_memory_is_said(self) -> None:
        chosen = choose_placement(BIG, NEEDS, Free(None), "cuda")
        assert chosen.strategy == "swap"
        assert "not known" in chosen.reason

    def test_an_override_is_taken_even_where_it_looks_too_big(self) -> None:
        chosen = choose_placement(BIG, NEEDS, Free(GB), "cuda", override="group")
        assert (chosen.strategy, chosen.reason) == ("group", "as asked for")

    def test_weights_are_streamed_where_it_is_asked_for(self) -> None:
        chosen = choose_placement(BIG, SOME, Free(16 * GB), "cpu", override="stream")
        assert (chosen.strategy, chosen.precision) == ("stream", "bfloat16")
        assert chosen.peak_bytes < 8 * 2**30
        with pytest.raises(MachineError, match="resident") as raised:
            choose_placement(BIG, SOME, Free(16 * GB), "cpu")
        assert "--memory stream" in raised.value.hint
        whole = choose_placement(BIG, SOME, Free(500 * GB), "cpu")
        assert chosen.computing == whole.computing, "a film begun in one goes on in the other"
        with pytest.raises(InputError, match="CPU"):
            choose_placement(BIG, SOME, Free(80 * GB), "cuda", override="stream")
        with pytest.raises(InputError, match="GGUF"):
            choose_placement(BIG, Needs(packed="gguf"), Free(80 * GB), "cpu", override="stream")

    def test_an_override_must_exist(self) -> None:
        with pytest.raises(InputError, match="fp4") as raised:
            choose_placement(BIG, Needs(), Free(GB), "cuda", override="fp4")  # type: ignore[arg-type]
        assert "fp8" in raised.value.hint


class Smi:
    """An nvidia-smi of this machine's own: a script that answers as the real one does."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "nvidia-smi"
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def answers(self, free_mib: list[int], code: int = 0) -> None:
        self.path.write_text(
            f"#!{sys.executable}\n"
            f"import sys\nfree = {free_mib}\n"
            "asked = [a[5:] for a in sys.argv if a.startswith('--id=')]\n"
            "rows = [int(a) for a in asked] or range(len(free))\n"
            "memory = any('memory.free' in a for a in sys.argv)\n"
            "for row in rows: print(free[row] if memory else row)\n"
            f"sys.exit({code})\n"
        )
        self.path.chmod(0o755)


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smi:
    return Smi(tmp_path, monkeypatch)


class TestDevices:
    def test_without_nvidia_smi_it_is_the_cpu(self, smi: Smi) -> None:
        assert visible_gpus() is None
        assert pick_device() == "cpu"
        assert free_memory("cuda") is None

    def test_the_first_gpu_is_taken(self, smi: Smi) -> None:
        smi.answers([81000, 500])
        assert pick_device() == "cuda"
        assert free_memory("cuda") == 81000 * 2**20
        assert free_memory("cuda:1") == 500 * 2**20
        assert free_memory("cuda:2") is None

    def test_hidden_gpus_are_not_counted(self, smi: Smi, monkeypatch: pytest.MonkeyPatch) -> None:
        smi.answers([100, 200, 300])
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
        assert free_memory("cuda:0") == 300 * 2**20
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert pick_device() == "cpu"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,9,0")
        assert visible_gpus() == ("1",)

    def test_a_failing_nvidia_smi_says_nothing(self, smi: Smi) -> None:
        smi.answers([100], code=9)
        assert pick_device() == "cpu"

    def test_a_gpu_that_is_not_there_is_refused(self, smi: Smi) -> None:
        smi.answers([100])
        assert pick_device("cuda:0") == "cuda:0"
        with pytest.raises(MachineError, match="lists 1 GPU") as raised:
            pick_device("cuda:1")
        assert raised.value.hint
        smi.answers([])
        with pytest.raises(MachineError, match="no GPU"):
            pick_device("cuda")

    @pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda0", ""])
    def test_a_name_that_is_no_device(self, name: str) -> None:
        with pytest.raises(InputError, match="no device"):
            pick_device(name)

    def test_cpu_needs_no_question(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room, "_nvidia_smi", None)
        assert pick_device("cpu") == "cpu"

    def test_main_memory(self) -> None:
        free = free_memory("cpu")
        if not Path("/proc/meminfo").exists():
            assert free is None
            return
        assert free is not None
        assert 2**20 < free < 2**50
