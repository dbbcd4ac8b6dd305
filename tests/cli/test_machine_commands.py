from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holocine_core.errors import MachineError
from holocine_core.model.spec import MODELS
from tests.cli.conftest import Holocine


def test_models_are_listed_with_licence_and_place(holocine: Holocine, tmp_path: Path) -> None:
    page = holocine("models", "list", "--models-dir", tmp_path).stdout
    for spec in MODELS.values():
        assert spec.name in page
        assert spec.licence in page
    assert f"not here, would lie in {tmp_path}" in page
    found = holocine("models", "list", "--json").json["models"]
    assert {model["name"]: model["present"] for model in found} == {
        name: bool(spec.embedded) for name, spec in MODELS.items()
    }


def test_pulling_states_the_licences_and_waits_for_a_yes(holocine: Holocine) -> None:
    answer = holocine("models", "pull", "holocine-14b-sparse")
    assert answer.exit_code == 2
    for source in MODELS["holocine-14b-sparse"].sources:
        assert f"{source.repo}: {source.licence}" in answer.stderr
    assert "--accept-licence" in answer.stderr


@pytest.mark.nano
def test_verify_reads_the_embedded_models_files(holocine: Holocine) -> None:
    answer = holocine("models", "verify", "nano", "--json")
    assert answer.exit_code == 0
    assert {file["state"] for file in answer.json["files"]} == {"ok"}
    assert any(file["path"].endswith(".safetensors") for file in answer.json["files"])


def test_verify_finds_a_damaged_file(holocine: Holocine, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "copy")
    weights = tmp_path / "copy/vae/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    answer = holocine("models", "verify", tmp_path / "copy")
    assert answer.exit_code == 3
    assert "vae" in answer.stderr


@pytest.mark.nano
def test_a_healthy_machine_films_for_the_doctor(holocine: Holocine) -> None:
    answer = holocine("doctor", "--json")
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert answer.exit_code == 0
    assert {"python", "torch", "ffmpeg", "disk", "memory", "device", *MODELS} < checks.keys()
    assert "9 frames" in checks["film"]["found"]
    assert not Path(".holocine").exists()


def test_what_is_broken_comes_with_its_remedy(
    holocine: Holocine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_ffmpeg() -> str:
        raise MachineError("no ffmpeg was found", hint="reinstall imageio-ffmpeg")

    monkeypatch.setattr("holocine_core.edit.process.ffmpeg_exe", no_ffmpeg)
    answer = holocine("doctor")
    assert answer.exit_code == 3
    assert "fail  ffmpeg" in answer.stdout
    assert "reinstall imageio-ffmpeg" in answer.stdout
    assert "fail  film" in answer.stdout
    assert "hint: reinstall imageio-ffmpeg" in answer.stderr
