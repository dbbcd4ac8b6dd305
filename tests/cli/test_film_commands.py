from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from holocine_cli.loras import loras_of
from holocine_core.edit.ffmpeg import probe
from tests.cli.conftest import Holocine, write_scene

PINNED = ("--device", "cpu", "--memory", "resident")
"""Free memory changes from call to call; a pinned placement does not say it."""


def test_the_plan_shows_what_moved_and_why(holocine: Holocine, scene: Path) -> None:
    page = holocine("plan", scene).stdout
    assert "6->5" in page, "the cut at frame 6 moves to 5"
    assert "new: never shot" in page
    assert "1 take, 13 frames, 0:01; 1 to shoot" in page
    assert not Path(".holocine").exists(), "planning leaves nothing behind"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_dry_run_is_the_plan(holocine: Holocine, scene: Path, form: list[str]) -> None:
    words = [scene, "-o", "x.mp4", "--profile", "draft", "--seed", "9", *PINNED, *form]
    planned = holocine("plan", *words)
    dry = holocine("render", *words, "--dry-run")
    assert dry.stdout == planned.stdout
    assert dry.stderr == planned.stderr
    assert not Path("x.mp4").exists()


def test_options_go_before_the_screenplay(holocine: Holocine, scene: Path) -> None:
    plan = holocine("plan", scene, "--profile", "draft", "--seed", "9", "--json").json
    take = plan["takes"][0]
    assert (plan["profile"], take["seed"], take["sampling"]["steps"]) == ("draft", 9, 2)
    assert take["cuts"] == [{"asked": 6.0, "got": 5}]
    assert take["tokens"]["exact"] is True


def test_the_plan_knows_the_film_at_its_place(holocine: Holocine, in_made: Path) -> None:
    def state(*words: object) -> str:
        return str(holocine("plan", "room.yaml", "--json", *words).json["target"]["state"])

    assert state() == "up-to-date"
    assert state("--seed", "1") == "replaced", "this screenplay made it, and it is kept"
    shutil.copy("room.yaml", "other.yaml")
    refused = holocine("plan", "other.yaml", "-o", "room.mp4", "--seed", "1", "--json")
    assert refused.json["target"]["state"] == "refused"
    assert state("--seed", "1", "--force") == "replaced"
    assert state("-o", "other.mp4") == "new"
    assert state("-o", "other.avi") == "refused"
    assert "reuse: already shot" in holocine("plan", "room.yaml").stdout
    assert "changed: seed 0 -> 1" in holocine("plan", "room.yaml", "--seed", "1").stdout


def test_the_plan_names_what_this_machine_lacks(holocine: Holocine, scene: Path) -> None:
    answer = holocine("plan", scene, "--model", "holocine-14b-full", *PINNED)
    assert answer.exit_code == 0
    assert "full_high_noise.safetensors" in answer.stdout
    assert answer.stdout.count("holocine models pull holocine-14b-full") == 1
    assert "~" in answer.stdout, "without a tokenizer, tokens are a lower bound"


def test_several_plans_are_one_document(holocine: Holocine, scene: Path) -> None:
    other = write_scene("other.yaml", seed=4)
    films = holocine("plan", scene, other, "--json").json["films"]
    assert [film["film"] for film in films] == ["room.mp4", "other.mp4"]
    assert [film["takes"][0]["seed"] for film in films] == [0, 4]


def test_a_preview_is_a_draft_with_a_storyboard(holocine: Holocine, scene: Path) -> None:
    answer = holocine("preview", scene, "--json")
    assert answer.exit_code == 0
    assert answer.json["film"] == "room.preview.mp4"
    assert answer.json["storyboard"] == "room.preview.png"
    assert Path("room.preview.png").read_bytes().startswith(b"\x89PNG")
    assert probe(Path("room.preview.mp4")).frames == 13
    assert Path(".holocine/room/clips").is_dir(), "its work folder is the render's"
    scene.write_text(scene.read_text().replace("goes out", "flickers"))
    again = holocine("preview", scene, "--json")
    assert again.exit_code == 0, "an earlier preview is replaced"
    assert again.json["up_to_date"] is False


@pytest.mark.slow
def test_several_drafts_stand_side_by_side(holocine: Holocine, scene: Path) -> None:
    answer = holocine("preview", scene, "--seeds", "3", "--json")
    assert answer.exit_code == 0
    films = [film["film"] for film in answer.json["films"]]
    assert films == [f"room.preview-{i}.mp4" for i in (1, 2, 3)]
    seeds = [take["seed"] for film in answer.json["films"] for take in film["takes"]]
    assert seeds == [0, 1, 2]
    assert len({Path(film).read_bytes() for film in films}) == 3
    assert answer.json["storyboard"] == "room.preview.png"
    assert Path("room.preview.png").exists()
    assert "2 of holocine preview --seeds" in holocine("inspect", films[1]).stdout
    one = holocine("preview", scene, "--json")
    assert one.json["takes"][0]["state"] == "reused", "the first draft is the usual one"
    again = holocine("preview", scene, "--seeds", "3", "--json")
    assert again.exit_code == 0, "earlier drafts are replaced"
    assert all(film["up_to_date"] for film in again.json["films"])


def test_drafts_spare_a_board_they_did_not_make(holocine: Holocine, scene: Path) -> None:
    Path("room.preview.png").write_text("mine")
    answer = holocine("preview", scene, "--seeds", "2")
    assert answer.exit_code == 2
    assert Path("room.preview.png").read_text() == "mine"
    assert not Path("room.preview-1.mp4").exists()


def test_a_preview_spares_what_it_did_not_make(holocine: Holocine, scene: Path) -> None:
    Path("room.preview.mp4").write_text("a wedding")
    assert holocine("preview", scene).exit_code == 2
    assert Path("room.preview.mp4").read_text() == "a wedding"


def test_shots_and_storyboard_come_from_the_finished_takes(
    holocine: Holocine, made: Path, tmp_path: Path
) -> None:
    for name in ("room.yaml", "room.mp4", "room.mp4.json"):
        shutil.copy(made / name, name)
    words = ("render", "room.yaml", "--shots", "shots", "--storyboard", "--json")
    lost = holocine(*words)
    assert lost.exit_code == 2, "the takes are gone"
    shutil.copytree(made / ".holocine", ".holocine", dirs_exist_ok=True)
    answer = holocine(*words)
    assert answer.exit_code == 0
    assert answer.json["up_to_date"] is True
    assert [probe(Path(path)).frames for path in answer.json["shots"]] == [5, 8]
    board = Path(answer.json["storyboard"]).read_bytes()
    width, height = struct.unpack(">II", board[16:24])
    assert width > 1000 < height


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no.safetensors", "the LoRA file does not exist"),
        ("no.safetensors:0", "a LoRA of weight 0 changes nothing"),
        ("no.safetensors:-10", "the LoRA file does not exist"),
        ("no.safetensors:0.5:high", "the LoRA file does not exist"),
        ("no.safetensors:x", "is not FILE, FILE:WEIGHT, FILE:EXPERT or FILE:WEIGHT:EXPERT"),
        ("no.safetensors:1:middle", "is not FILE, FILE:WEIGHT, FILE:EXPERT or FILE:WEIGHT:EXPERT"),
        ("no.safetensors:10.1", "a weight is a number from -10 to 10"),
        ("no.safetensors:-11:low", "a weight is a number from -10 to 10"),
        ("no.safetensors:nan", "a weight is a number from -10 to 10"),
        ("no.safetensors:1:high:x", "is not FILE, FILE:WEIGHT, FILE:EXPERT or FILE:WEIGHT:EXPERT"),
    ],
)
def test_loras_are_read_as_file_weight_expert(
    holocine: Holocine, scene: Path, text: str, message: str
) -> None:
    answer = holocine("plan", scene, "--lora", text)
    assert answer.exit_code == 2
    assert message in answer.stderr


def test_a_lora_takes_its_expert_with_or_without_a_weight() -> None:
    told = loras_of(["a.safetensors:high", "a.safetensors:0.5:low", "a.safetensors:2"])
    assert [(one.weight, one.expert) for one in told] == [(1, "high"), (0.5, "low"), (2, None)]


@pytest.mark.parametrize("seed", ["-1", str(2**63), "x"])
def test_seeds_out_of_range_are_refused(holocine: Holocine, scene: Path, seed: str) -> None:
    assert holocine("plan", scene, "--seed", seed).exit_code == 2


def test_inspect_tells_how_a_film_was_made(holocine: Holocine, in_made: Path) -> None:
    page = holocine("inspect", "room.mp4").stdout
    assert "tiny" in page
    assert "13 frames of 32x32, seed 0, 6 steps" in page
    assert "00:00:00.000 - 00:00:00.333  A lamp is lit." in page
    document = holocine("inspect", "room.mp4", "--json").json
    assert [chapter["frames"] for chapter in document["chapters"]] == [[0, 5], [5, 13]]
    assert document["provenance"]["screenplay"] == Path("room.yaml").read_text()


def test_inspect_gives_the_screenplay_back_byte_for_byte(
    holocine: Holocine, in_made: Path, tmp_path: Path
) -> None:
    assert holocine("inspect", "room.mp4", "--extract", "-").stdout == Path("room.yaml").read_text()
    out = tmp_path / "back.yaml"
    assert holocine("inspect", "room.mp4", "--extract", out).stdout == f"{out}\n"
    assert out.read_bytes() == Path("room.yaml").read_bytes()
    out.write_text("mine")
    assert holocine("inspect", "room.mp4", "--extract", out).exit_code == 2
    assert out.read_text() == "mine"
    assert holocine("inspect", "room.mp4", "--extract", "-", "--json").exit_code == 2


def test_inspect_refuses_what_is_no_film(holocine: Holocine, scene: Path) -> None:
    answer = holocine("inspect", scene)
    assert answer.exit_code == 2
    assert "room.yaml" in answer.stderr


def test_a_films_length_is_told_in_seconds(holocine: Holocine, scene: Path) -> None:
    told = holocine("render", scene, "--json").json
    assert told["frames"] == 13
    assert told["seconds"] == pytest.approx(told["frames"] / told["fps"], abs=0.01)
