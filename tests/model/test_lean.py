"""A render's process imports what it needs, and films the same."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from holocine_cli.app import main
from holocine_core.model import lean
from holocine_core.model.locate import find_model
from holocine_core.model.umt5 import Umt5Encoder, reads
from holocine_core.model.weights import load_component
from holocine_core.store.files import load_json

UNNEEDED = ("peft", "scipy", "transformers", "torch._dynamo", "sympy", "moviepy")
"""Each takes a noticeable part of a second, or several."""
FILM = """
size: 32x32
profiles: {{standard: {{sampler: unipc, steps: 2}}}}
frames: 9
cuts: [5]
shots: [A lamp is lit., The lamp goes out.]
{more}
"""
WATCHED = """
import gc, json, sys
from holocine_cli.app import main, prepare_streams
import os
os.environ.setdefault("HOLOCINE_IMPORTS", "lean")
code = main(sys.argv[1:])
found = [name for name in sys.modules if sys.modules[name] is not None]
found += ["frozen"] * bool(gc.get_freeze_count())
print(json.dumps(found), file=sys.stderr)
sys.exit(code)
"""


def rendered(folder: Path, imports: str, *words: str) -> list[str]:
    """Render, lean in a process of its own, whole in this one; what it had imported in the end."""
    words = ("render", *words, "-qq", "--device", "cpu")
    if imports == "whole":
        assert lean.VARIABLE not in os.environ
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
            assert main(list(words)) == 0
        return list(sys.modules)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words],
        cwd=folder,
        env={**os.environ, lean.VARIABLE: imports},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    modules: list[str] = json.loads(done.stderr.splitlines()[-1])
    return modules


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.nano
@pytest.mark.slow
def test_a_render_imports_nothing_that_it_does_not_need_and_films_the_same(tmp_path: Path) -> None:
    films = {}
    for imports in ("lean", "whole"):
        folder = tmp_path / imports
        folder.mkdir()
        (folder / "film.yaml").write_text(FILM.format(more=""))
        modules = rendered(folder, imports, "film.yaml")
        needless = [name for name in UNNEEDED if name in modules]
        assert needless == [] if imports == "lean" else "peft" in needless
        assert imports != "lean" or "frozen" in modules, "collections pass over libraries"
        films[imports] = digest(folder / "film.mp4")
    assert films["lean"] == films["whole"]


@pytest.mark.slow
def test_loras_and_fp8_after_a_lean_film_are_as_ever(tiny: Path, tmp_path: Path) -> None:
    """The second film of the process needs peft, which the first believed not to be there."""
    films = {}
    for imports in ("lean", "whole"):
        folder = tmp_path / imports
        folder.mkdir()
        draw = torch.Generator().manual_seed(0)
        layer = "transformer.blocks.0.attn1.to_q"
        width = 48
        save_file(
            {
                f"{layer}.lora_A.weight": torch.randn(4, width, generator=draw),
                f"{layer}.lora_B.weight": torch.randn(width, 4, generator=draw),
            },
            folder / "style.safetensors",
        )
        (folder / "plain.yaml").write_text(FILM.format(more=f"model: {tiny}"))
        lora = f"model: {tiny}\nlora: [style.safetensors]"
        (folder / "lora.yaml").write_text(FILM.format(more=lora))
        rendered(folder, imports, "plain.yaml", "lora.yaml", "--memory", "fp8")
        films[imports] = [digest(folder / f"{name}.mp4") for name in ("plain", "lora")]
    assert films["lean"] == films["whole"]
    assert len({*films["lean"]}) == 2, "the LoRA changed nothing"


def test_a_name_of_no_way_to_import_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lean.VARIABLE, "wild")
    with pytest.raises(lean.InputError, match="lean or whole"):
        lean.wanted()


@pytest.mark.nano
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_the_encoder_is_transformers_to_the_bit(dtype: torch.dtype) -> None:
    files = find_model("nano").component("text_encoder")
    theirs = load_component(files, dtype)
    config = load_json(files.config or Path())
    mine = Umt5Encoder(config)
    mine.load_state_dict(theirs.state_dict(), assign=True)
    draw = torch.Generator().manual_seed(0)
    for length in (1, 17, 150, 500):  # Beyond the distance from which all is one bucket.
        ids = torch.randint(0, config["vocab_size"], (2, length), generator=draw)
        assert torch.equal(mine(ids).last_hidden_state, theirs(ids).last_hidden_state), length


def test_other_encoders_are_left_to_transformers() -> None:
    config = load_json(find_model("nano").component("text_encoder").config or Path())
    assert reads(config)
    for change in ({"model_type": "t5"}, {"is_gated_act": False}, {"d_ff": 10240, "d_model": 4096}):
        assert not reads({**config, **change})
