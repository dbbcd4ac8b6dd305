"""A GPU that is not there is planned for, told as such, and not worked on."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.train.networks import open_device
from tests.cli.conftest import Holocine

pytestmark = pytest.mark.slow

SMALL, LARGE = "cuda:24gb", "cuda:80gb"


def test_a_plan_for_a_gpu_that_is_not_there(holocine: Holocine, scene: Path) -> None:
    words = ["plan", scene, "--model", "holocine-14b-sparse"]
    small, large = (
        holocine(*words, "--device", device, "--json").json["placement"]
        for device in (SMALL, LARGE)
    )
    assert (small["strategy"], large["strategy"]) == ("fp8", "resident")
    assert small["imagined"] is True
    assert small["peak_bytes"] == max(small["phases"].values()) < 0.9 * 24 * 2**30
    assert small["main_memory"]["held_bytes"] > 28e9
    assert small["main_memory"]["free_bytes"] is None, "this machine is not the one that is meant"
    page = holocine(*words, "--device", SMALL).stdout
    asked = holocine(*words, "--device", SMALL, "--memory", "group").stdout
    for told in (page, asked):
        assert "no such GPU was looked at" in told
    assert "of main memory; what this machine has of it was not looked at" in page


def test_a_plan_tells_of_this_machine_s_main_memory(holocine: Holocine, scene: Path) -> None:
    placement = holocine("plan", scene, "--device", "cpu", "--json").json["placement"]
    assert placement["imagined"] is False
    assert placement["main_memory"]["free_bytes"] > placement["main_memory"]["held_bytes"] > 2**28
    assert "of main memory; " in holocine("plan", scene, "--device", "cpu").stdout


@pytest.mark.parametrize(
    "words",
    [("render",), ("render", "--force"), ("render", "--worker"), ("preview",)],
    ids=" ".join,
)
def test_nothing_is_made_there(holocine: Holocine, scene: Path, words: tuple[str, ...]) -> None:
    command, *more = words
    refused = holocine(command, scene, *more, "--device", SMALL)
    assert refused.exit_code == 2
    assert f"{SMALL} is a GPU to plan for, not one to work on" in refused.stderr
    assert "work on auto, cpu, cuda or cuda:N" in refused.stderr
    assert not list(Path().rglob("*.mp4"))


def test_a_dry_run_is_a_plan(holocine: Holocine, scene: Path) -> None:
    assert holocine("render", scene, "--dry-run", "--device", SMALL).exit_code == 0


def test_nothing_is_trained_there() -> None:
    with pytest.raises(InputError, match="a GPU to plan films for"):
        open_device(SMALL)
