"""Locating: names and folders become files, what lacks is named, a checkpoint is known again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from holocine_core.errors import InputError, MachineError
from holocine_core.model import headers
from holocine_core.model.card import CARD_NAME, write_card
from holocine_core.model.components import COMPONENTS
from holocine_core.model.headers import content_hash, read_header
from holocine_core.model.home import models_folder
from holocine_core.model.locate import find_model, load_tokenizer
from holocine_core.model.spec import MODELS
from holocine_core.model.tiny import TINY
from tests.model.checkpoints import ORIGINAL_WAN, WAN, golden_state, write_experts

FULL = MODELS["holocine-14b-full"]


def edit(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text())
    value.update(changes)
    path.write_text(json.dumps(value))


@pytest.fixture
def pipeline(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "pipeline"))


@pytest.fixture
def tree(release: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(release, tmp_path / "tree"))


@pytest.mark.nano
class TestEmbedded:
    def test_nano_is_whole_and_fits_its_table(self) -> None:
        located = find_model("nano")
        assert located.spec is MODELS["nano"]
        located.require()
        own = find_model(str(located.folder)).spec
        assert set(located.components) == set(COMPONENTS) - (
            {"transformer_2"} if own.experts == 1 else set()
        )
        # The table speaks of the model in its own words, and alone knows that it ships.
        told = ("summary", "note", "licence", "embedded")
        words = {field: getattr(located.spec, field) for field in told}
        assert replace(own, **words) == located.spec

    def test_it_opens_without_torch_and_at_once(self) -> None:
        code = (
            "import sys, time\n"
            "from holocine_core.model.locate import find_model, load_tokenizer\n"
            "import holocine_core.model.placement\n"
            "start = time.perf_counter()\n"
            "model = find_model('nano')\n"
            "print(time.perf_counter() - start)\n"
            "model.identity(), load_tokenizer(model)\n"
            "heavy = {'torch', 'diffusers', 'transformers', 'safetensors'} & set(sys.modules)\n"
            "assert not heavy, heavy\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) < 0.05

    def test_a_name_of_the_table_wins_over_a_folder(
        self, pipeline: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipeline.rename(pipeline.parent / "nano")
        monkeypatch.chdir(pipeline.parent)
        assert find_model("nano").folder != find_model("./nano").folder.resolve()


DRAFT = {"width": 32, "height": 32, "steps": 2, "guidance": 2.0, "shift": 3.0}


class TestNames:
    def test_a_slip_is_answered_with_the_nearest_name(self) -> None:
        with pytest.raises(InputError) as raised:
            find_model("holocine-14-sparse")
        assert "did you mean holocine-14b-sparse?" in raised.value.hint
        with pytest.raises(InputError) as raised:
            find_model("zzz")
        assert "did you mean" not in raised.value.hint
        assert all(name in raised.value.hint for name in MODELS)

    def test_the_models_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HOLOCINE_MODELS", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert models_folder() == tmp_path / "holocine" / "models"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert models_folder() == tmp_path / ".cache" / "holocine" / "models"
        monkeypatch.setenv("HOLOCINE_MODELS", "~/films")
        assert models_folder() == tmp_path / "films"
        assert models_folder(Path("given")) == Path("given")

    def test_missing_files_are_listed_with_the_remedy(self, tmp_path: Path) -> None:
        located = find_model("holocine-14b-sparse", models_dir=tmp_path)
        assert {file.part for file in located.missing} == set(COMPONENTS)
        assert not located.components
        wanted = tmp_path / "HoloCine_dit" / "sparse" / "sparse_low_noise.safetensors"
        assert wanted in {file.path for file in located.missing}
        with pytest.raises(MachineError, match=r"tokenizer\.json") as raised:
            located.require()
        pull = f"holocine models pull holocine-14b-sparse --models-dir {tmp_path}"
        assert raised.value.hint == pull

    def test_every_file_of_the_table_is_looked_for_where_pull_puts_it(self, tmp_path: Path) -> None:
        for source in FULL.sources:
            for pattern in source.files:
                path = tmp_path / source.folder / pattern
                path.parent.mkdir(parents=True, exist_ok=True)
                if "*" not in pattern:
                    path.touch()
        for part, names in {
            "tokenizer": ["tokenizer.json"],
            "text_encoder": ["config.json", "model.safetensors"],
            "vae": ["config.json", "diffusion_pytorch_model.safetensors"],
        }.items():
            for name in names:
                (tmp_path / WAN / part / name).touch()
        assert find_model(FULL.name, models_dir=tmp_path).missing == ()


class TestReleaseTree:
    def test_a_config_beside_the_files_sets_the_shape(self, tree: Path) -> None:
        located = find_model(str(tree))
        assert located.spec.name == FULL.name
        assert (located.spec.shape.width, located.spec.shape.latent_channels) == (48, 4)
        assert located.components["transformer"].form == "original"
        assert located.spec.weight_bytes["transformer"] == 2 * sum(
            tensor.numel() for tensor in golden_state().values()
        )
        assert find_model(FULL.name, models_dir=tree).spec == located.spec

    def test_without_one_the_shipped_config_is_used(self, tree: Path) -> None:
        (tree / "HoloCine_dit" / "full" / "config.json").unlink()
        located = find_model(str(tree))
        assert located.spec == FULL
        config = located.components["transformer"].config
        assert config is not None
        assert json.loads(config.read_text())["num_layers"] == FULL.shape.layers

    def test_two_variants_are_not_guessed_between(self, tree: Path) -> None:
        write_experts(tree / "HoloCine_dit" / "sparse", "sparse")
        with pytest.raises(InputError, match="more than one model") as raised:
            find_model(str(tree))
        sparse = tree / "HoloCine_dit" / "sparse"
        assert str(sparse) in raised.value.hint
        assert "holocine-14b-sparse" in raised.value.hint
        assert find_model(str(sparse)).spec.attention == "sparse"
        assert find_model("holocine-14b-full", models_dir=tree).spec.attention == "full"

    def test_gguf_files_stand_in(self, tree: Path) -> None:
        home = tree / "HoloCine_dit" / "full"
        for noise in ("high", "low"):
            (home / f"full_{noise}_noise.safetensors").unlink()
            (home / f"holocine_{noise}_noise-Q8_0.gguf").write_bytes(b"0" * 1000)
        located = find_model(str(tree))
        assert [located.components[p].form for p in ("transformer", "transformer_2")] == [
            "gguf"
        ] * 2
        assert located.spec.weight_bytes["transformer"] == 1000
        (home / "holocine_high_noise-Q4_0.gguf").touch()
        with pytest.raises(InputError, match="holds 2 high_noise files"):
            find_model(str(tree))

    def test_original_wan_files_stand_in(self, tree: Path) -> None:
        wan = tree / ORIGINAL_WAN
        (wan / "google" / "umt5-xxl").mkdir(parents=True)
        shutil.copy(tree / WAN / "tokenizer" / "tokenizer.json", wan / "google" / "umt5-xxl")
        for name in ("models_t5_umt5-xxl-enc-bf16.pth", "Wan2.1_VAE.pth"):
            (wan / name).touch()
        assert find_model(str(tree)).components["vae"].form == "diffusers", (
            "diffusers' layout first"
        )
        shutil.rmtree(tree / WAN)
        located = find_model(str(tree))
        assert located.missing == ()
        assert {p: located.components[p].form for p in ("text_encoder", "vae")} == {
            "text_encoder": "pth",
            "vae": "pth",
        }
        config = located.components["text_encoder"].config
        assert config is not None
        assert json.loads(config.read_text())["d_model"] == 4096

    def test_an_empty_folder_is_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="holds no model") as raised:
            find_model(str(tmp_path))
        assert "model_index.json" in raised.value.hint


class TestPipelineFolder:
    def test_the_tiny_model_is_what_it_says(self, tiny: Path) -> None:
        assert find_model(str(tiny)).spec == TINY

    def test_the_card_speaks(self, pipeline: Path) -> None:
        card = replace(TINY, name="mine", fps=24, attention="full", note="by hand")
        write_card(pipeline, card)
        spec = find_model(str(pipeline)).spec
        assert (spec.name, spec.fps, spec.attention, spec.note) == ("mine", 24, "full", "by hand")
        assert spec.profiles == card.profiles
        assert (spec.embedded, spec.sources) == ("", ())

    def test_without_a_card_it_is_stock_wan_and_says_so(self, pipeline: Path) -> None:
        (pipeline / CARD_NAME).unlink()
        spec = find_model(str(pipeline)).spec
        assert (spec.name, spec.attention, spec.fps) == ("pipeline", "full", 16)
        assert spec.shape == TINY.shape
        assert CARD_NAME in spec.note

    def test_one_expert(self, pipeline: Path) -> None:
        edit(pipeline / "model_index.json", transformer_2=[None, None], boundary_ratio=None)
        located = find_model(str(pipeline))
        assert located.spec.experts == 1
        assert "transformer_2" not in located.components

    def test_shards(self, pipeline: Path) -> None:
        home = pipeline / "transformer"
        name = "diffusion_pytorch_model"
        state = load_file(home / f"{name}.safetensors")
        (home / f"{name}.safetensors").unlink()
        shards = [f"{name}-0000{i}-of-00002.safetensors" for i in (1, 2)]
        weight_map = {key: shards[i % 2] for i, key in enumerate(state)}
        for shard in shards:
            save_file({k: v for k, v in state.items() if weight_map[k] == shard}, home / shard)
        index = home / f"{name}.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": weight_map}))
        located = find_model(str(pipeline))
        assert [path.name for path in located.components["transformer"].paths] == shards
        assert located.missing == ()
        (home / shards[1]).unlink()
        (lacks,) = find_model(str(pipeline)).missing
        assert (lacks.part, lacks.path.name) == ("transformer", shards[1])

    def test_a_missing_part_is_said_when_it_is_needed(self, pipeline: Path) -> None:
        (pipeline / "tokenizer" / "tokenizer.json").unlink()
        located = find_model(str(pipeline))
        with pytest.raises(MachineError, match=r"tokenizer\.json is not there") as raised:
            load_tokenizer(located)
        assert "incomplete" in raised.value.hint

    @pytest.mark.parametrize(
        ("file", "change", "says"),
        [
            ("model_index.json", {"transformer": ["diffusers", "Flux"]}, "not Flux"),
            ("model_index.json", {"vae": [None, None]}, "not nothing"),
            ("model_index.json", {"boundary_ratio": None}, "boundary_ratio"),
            ("transformer/config.json", {"num_layers": None}, "num_layers can.t be None"),
            ("transformer/config.json", {"num_layers": 3}, "differ in shape"),
            ("transformer/config.json", {"in_channels": 36}, "needs a picture"),
            ("transformer/config.json", {"patch_size": [2, 2, 2]}, "patch_size"),
            ("text_encoder/config.json", {"d_model": 64}, "d_model is 64"),
            ("vae/config.json", {"z_dim": 48}, "z_dim is 48"),
            (CARD_NAME, {"fps": "fast"}, "fps must be a whole number"),
            (CARD_NAME, {"fps": True}, "fps must be a whole number"),
            (CARD_NAME, {"colour": 1}, "unknown field colour"),
            (CARD_NAME, {"attention": "dense"}, "'full' or 'sparse'"),
            (CARD_NAME, {"profiles": {"draft": {"width": 8}}}, "profile draft must give"),
            (
                CARD_NAME,
                {"profiles": {"draft": DRAFT | {"guidance_stop": 1.5}}},
                "less than or equal to 1",
            ),
            (CARD_NAME, {"profiles": {"draft": DRAFT | {"sampler": "ddim"}}}, "can't be 'ddim'"),
            (CARD_NAME, {"profiles": {"draft": DRAFT | {"eta": 0.5}}}, "`eta` belongs to"),
            (
                CARD_NAME,
                {"profiles": {"draft": DRAFT | {"sampler": "sde", "eta": 2}}},
                "draft.eta can't be 2",
            ),
            (CARD_NAME, {"profiles": {"huge": {}}}, "no profile 'huge'"),
            (CARD_NAME, {"earlier": {}}, "earlier must be a list"),
            (CARD_NAME, {"earlier": [{"files": {}}]}, r"earlier\[0\] must give profiles"),
            (
                CARD_NAME,
                {"earlier": [{"profiles": {"draft": DRAFT | {"sampler": "ddim"}}}]},
                r"earlier\[0\].draft.sampler",
            ),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, file: str, change: dict[str, Any], says: str, pipeline: Path
    ) -> None:
        edit(pipeline / file, **change)
        with pytest.raises(InputError, match=says) as raised:
            find_model(str(pipeline))
        assert raised.value.where

    def test_a_card_tells_eta_and_what_the_model_was(self, pipeline: Path) -> None:
        noisy = DRAFT | {"sampler": "sde", "eta": 0}
        before = {"profiles": {"draft": DRAFT}, "files": {"transformer": "ab"}}
        edit(pipeline / CARD_NAME, profiles={"draft": noisy}, earlier=[before])
        spec = find_model(str(pipeline)).spec
        assert (spec.profiles["draft"].sampler, spec.profiles["draft"].eta) == ("sde", 0)
        assert spec.earlier[0].profiles["draft"].eta is None
        write_card(pipeline, spec)
        assert find_model(str(pipeline)).spec == spec

    def test_all_faults_of_a_card_come_at_once(self, pipeline: Path) -> None:
        edit(pipeline / CARD_NAME, fps=0, colour=1)
        with pytest.raises(InputError) as raised:
            find_model(str(pipeline))
        assert len(raised.value.problems) == 2

    def test_broken_json_is_an_input_error(self, pipeline: Path) -> None:
        (pipeline / "model_index.json").write_text("{")
        with pytest.raises(InputError, match="no JSON"):
            find_model(str(pipeline))


class TestTokenizer:
    TEXT = (
        "[global caption] A ballroom. This scene contains 2 shots. [per shot caption]"
        " Wide shot. [shot cut] Close-up of extraordinary Zo\u00eb \u6620\u753b \U0001f3ac."
    )

    def test_no_text_is_lost(self, tiny: Path) -> None:
        tokenizer = load_tokenizer(find_model(str(tiny)))
        encoded = tokenizer.encode(self.TEXT)
        assert tokenizer.decode(encoded.ids) == self.TEXT
        assert encoded.tokens[-1] == "</s>"
        assert "<unk>" not in encoded.tokens

    def test_offsets_are_the_characters_of_each_word(self, tiny: Path) -> None:
        encoded = load_tokenizer(find_model(str(tiny))).encode(self.TEXT)
        covered = set()
        for start, stop in encoded.offsets[:-1]:
            covered |= set(range(start, stop))
        spaces = {i for i, character in enumerate(self.TEXT) if character == " "}
        assert set(range(len(self.TEXT))) - covered <= spaces
        words = {self.TEXT[a:b] for a, b in encoded.offsets}
        assert {"[global", "caption]", "ballroom", "[shot", "cut]"} <= words

    def test_long_prompts_are_not_cut(self, pipeline: Path) -> None:
        path = pipeline / "tokenizer" / "tokenizer.json"
        cut = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
        edit(path, truncation=cut)
        assert len(load_tokenizer(find_model(str(pipeline))).encode(self.TEXT)) > 30

    @pytest.mark.parametrize("content", ["{", "[]", "{}"])
    def test_a_damaged_file_is_a_machine_error(self, content: str, pipeline: Path) -> None:
        (pipeline / "tokenizer" / "tokenizer.json").write_text(content)
        with pytest.raises(MachineError, match=r"tokenizer\.json"):
            load_tokenizer(find_model(str(pipeline)))


def rename_shard(root: Path) -> None:
    home = root / "HoloCine_dit" / "full"
    (home / "full_high_noise.safetensors").rename(home / "my_high_noise_v1.safetensors")


def resave_config(root: Path) -> None:
    edit(root / WAN / "vae" / "config.json", _diffusers_version="9.9")
    edit(root / WAN / "text_encoder" / "config.json", transformers_version="9", dtype="bfloat16")


def change_weight(root: Path) -> None:
    path = root / "HoloCine_dit" / "full" / "full_high_noise.safetensors"
    state = load_file(path)
    state["head.head.bias"][0] += 1e-3
    save_file(state, path)


def change_setting(root: Path) -> None:
    edit(root / "HoloCine_dit" / "full" / "config.json", eps=1e-5)


class TestIdentity:
    @pytest.mark.parametrize("change", [lambda root: None, rename_shard, resave_config])
    def test_a_copy_is_the_same_model(
        self, change: Callable[[Path], None], release: Path, tree: Path
    ) -> None:
        change(tree)
        assert find_model(str(tree)).identity() == find_model(str(release)).identity()

    @pytest.mark.parametrize(
        ("change", "parts"),
        [(change_weight, {"transformer"}), (change_setting, {"transformer", "transformer_2"})],
    )
    def test_a_change_is_another_model(
        self, change: Callable[[Path], None], parts: set[str], release: Path, tree: Path
    ) -> None:
        change(tree)
        mine, theirs = find_model(str(tree)).identity(), find_model(str(release)).identity()
        assert {part for part in mine if mine[part] != theirs[part]} == parts

    def test_large_files_are_known_by_samples(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
        state = golden_state()
        save_file(state, path)
        monkeypatch.setattr(headers, "WHOLE_BYTES", 0)
        monkeypatch.setattr(headers, "BLOCK_BYTES", 256)
        known = content_hash(path)
        for name in state:
            changed = {**state, name: state[name] + 1}
            save_file(changed, other)
            big = state[name].numel() * 4 > path.stat().st_size / headers.BLOCKS + 256
            assert content_hash(other) != known or not big, name
        shutil.copy(path, other)
        assert content_hash(other) == known


class TestHeaders:
    def test_names_types_and_shapes(self, tmp_path: Path) -> None:
        state = golden_state()
        save_file(state, tmp_path / "a.safetensors", metadata={"any": "thing"})
        header = read_header(tmp_path / "a.safetensors")
        assert {name: entry.shape for name, entry in header.items()} == {
            name: tuple(tensor.shape) for name, tensor in state.items()
        }
        assert {entry.dtype for entry in header.values()} == {"F32"}

    @pytest.mark.parametrize(
        "content", [b"", b"abc", b"\xff" * 40, (5).to_bytes(8, "little") + b"[[]] "]
    )
    def test_what_is_no_such_file_is_damaged(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "a.safetensors"
        path.write_bytes(content)
        with pytest.raises(MachineError, match="damaged") as raised:
            read_header(path)
        assert raised.value.hint

    @pytest.mark.parametrize("by", [-1, 1])
    def test_a_file_of_the_wrong_length_is_damaged(self, by: int, tmp_path: Path) -> None:
        path = tmp_path / "a.safetensors"
        save_file(golden_state(), path)
        content = path.read_bytes()
        path.write_bytes(content[:-1] if by < 0 else content + b"0")
        with pytest.raises(MachineError, match="promises"):
            read_header(path)
