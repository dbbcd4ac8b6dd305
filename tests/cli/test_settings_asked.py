"""Settings of the call and profiles of one's own: they travel in the film, and to workers."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from holocine_cli import film as film_commands
from holocine_cli.app import main
from holocine_cli.settings import Settings
from holocine_cli.worker import options_of
from holocine_core import api
from holocine_core.errors import InputError
from holocine_core.film.planning import plan_film
from holocine_core.film.reopen import open_film
from holocine_core.model.lora.file import LoraFile
from holocine_core.request import Request
from holocine_core.sampling import Cache, OwnProfile
from tests.cli.conftest import Holocine, write_scene

MINE = OwnProfile(guidance=2.0, shift=3.0, sampler="sde", eta=0.5)
OTHER = OwnProfile(base="draft", steps=9)
CALLED = ("--profile", "mine", "--size", "32x48", "--steps", "3")


def own(profile: OwnProfile) -> None:
    """``mine`` is this from now on, in the current folder."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in profile.record().items()]
    Path("holocine.toml").write_text("\n".join(["[profiles.mine]", *lines, ""]))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A folder with room.yaml and its film of one's own profile; not to be changed."""
    folder = tmp_path_factory.mktemp("asked")
    with contextlib.chdir(folder):
        write_scene("room.yaml", model=str(tiny))
        own(MINE)
        assert main(["render", "room.yaml", *CALLED, "-qq"]) == 0
    return folder


@pytest.fixture
def film(holocine: Holocine, asked: Path) -> Iterator[Path]:
    """The film in a folder of its own, which is the current one."""
    shutil.copytree(asked, "room")
    with contextlib.chdir("room"):
        yield Path("room.mp4")


def test_the_plan_says_what_goes_before_what_and_by_whom(holocine: Holocine, scene: Path) -> None:
    own(MINE)
    page = " ".join(holocine("plan", scene, *CALLED).stdout.split())
    want = "mine (standard): 3 steps by --steps, sde (eta 0.5) by mine, guidance 2 by mine, "
    assert want + "shift 3 by mine" in page
    assert "picture 32x48 by --size, 15 fps" in page
    record = holocine("plan", scene, *CALLED, "--json").json
    assert (record["profile"], record["base"]) == ("mine", "standard")
    assert record["asked"] == {"steps": 3, "size": "32x48"}


def test_the_film_says_what_it_was_asked_for(holocine: Holocine, film: Path) -> None:
    page = " ".join(holocine("inspect", film).stdout.split())
    assert f"called with {' '.join(CALLED)}" in page
    assert "one's own, of standard: eta 0.5, guidance 2, sampler sde, shift 3" in page
    assert holocine("render", "room.yaml", *CALLED, "--json").json["up_to_date"]
    text = holocine("inspect", film, "--extract", "-").stdout
    Path("again.yaml").write_text(text or Path("room.yaml").read_text())
    said = {"profile": "mine", "profiles": {"mine": MINE}, "steps": 3, "size": "32x48"}
    again = plan_film("again.yaml", Request(**said))
    _, plan = open_film(film)
    assert [take.clip_key for take in again.takes] == [take.clip_key for take in plan.takes]


def test_a_film_is_edited_by_its_own_profile(
    film: Path, holocine: Holocine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"mine": OTHER}
    for known in ({}, here):
        _, plan = open_film(film, Request(profiles=known))
        assert (plan.choice.own, plan.options["steps"]) == (MINE, 3)
    edited = api.reshoot(film, 2, seed=4, request=Request(profiles=here))
    found = api.inspect(film).provenance
    sampling = {one["sampling"]["shift"] for one in found["takes"]}
    assert (found["own_profile"], sampling, edited.version) == (MINE.record(), {3.0}, 2)
    assert found["options"] == {"profile": "mine", "steps": 3, "size": "32x48"}
    with monkeypatch.context() as patch:  # Nothing is shot on the way back.
        patch.setattr("holocine_core.sample.generator.Generator.denoise", None)
        picked = api.plan_version(film, 1, Request(profiles=here))
        assert [take.state for take in picked.takes] == ["reuse"]
        assert holocine("versions", film, "--pick", "1").exit_code == 0


def test_what_is_asked_otherwise_is_another_film(film: Path, holocine: Holocine) -> None:
    own(OTHER)  # Only what `mine` stands for is another.
    planned = holocine("plan", "room.yaml", *CALLED, "--json").json
    assert (planned["base"], planned["takes"][0]["state"]) == ("draft", "changed")
    assert "stays as it is" not in json.dumps(planned["warnings"])
    own(MINE)
    fewer = ["2" if word == "3" else word for word in CALLED]
    planned = holocine("plan", "room.yaml", *fewer, "--json").json
    assert planned["takes"][0]["sampling"]["steps"] == 2
    assert "stays as it is" not in json.dumps(planned["warnings"])
    assert holocine("render", "room.yaml", "--steps", "1").exit_code == 0
    assert len(api.versions(film)) == 2, "the film before is kept as a version"
    assert "own_profile" not in api.inspect(film).provenance
    assert api.plan_version(film, 1).choice.own == MINE


def test_a_film_is_made_from_the_draft_that_was_looked_at(holocine: Holocine, scene: Path) -> None:
    drafted_by = ("render", scene, "--profile", "draft", "-o", "room.preview.mp4")
    holocine(*drafted_by, "--steps", "3", "--size", "16x32")
    words = ("render", scene, "--dry-run", "--from-draft", "1", "--steps", "4", "--json")
    planned = holocine(*words).json
    drafted = planned["takes"][0]["draft"]["sampling"]
    assert (drafted["steps"], drafted["width"], drafted["height"]) == (3, 16, 32)
    assert planned["takes"][0]["sampling"]["steps"] == 4
    assert "draft 1 was last made with --steps 3 --size 16x32" in json.dumps(planned["warnings"])
    assert holocine("render", scene, *words[3:]).exit_code == 0
    _, plan = open_film(Path("room.mp4"))
    assert plan.takes[0].upscaled is not None
    assert plan.takes[0].upscaled.base.sampling.steps == 3
    assert holocine(*words).json["target"]["state"] == "up-to-date"
    # A later preview without them is the one to look at.
    holocine(*drafted_by)
    assert holocine(*words, "-o", "x.mp4").json["takes"][0]["draft"]["sampling"]["steps"] == 2


WHOLE = Request(
    profile="mine",
    profiles={
        "mine": OwnProfile(cache=Cache(kind="mag", threshold=0.1, ratios=(1.0, 0.123456789))),
        "quick": OTHER,
    },
    steps=21,
    guidance=3.3333333333333335,
    size="480x272",
    model="nano",
    expert_high=Path("high.gguf"),
    expert_low=Path("low.gguf"),
    seed=2**62 + 1,
    device="cpu",
    memory="swap",
    models_dir=Path("the models"),
    work=Path("w"),
    from_draft=2,
    loras=(LoraFile(path=Path("a b.safetensors"), weight=0.123456789, expert="high"),),
    outside=True,
    anew=True,
)
ELSEWHERE = {
    "out", "gpus", "resolved", "located", "draft", "given", "fallback", "told_by", "settled",
    "profile_places",
}  # fmt: skip
"""Fields of a request that are told otherwise, or never asked of workers."""


def test_workers_get_all_that_was_asked_for(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Request()
    same = [f.name for f in fields(Request) if getattr(WHOLE, f.name) == getattr(usual, f.name)]
    assert set(same) == ELSEWHERE, "a field that is new: is it handed on?"
    got: list[Request] = []

    def caught(sources: Sequence[Path], request: Request, _: Any, here: Settings, *__: Any) -> Any:
        got.append(here.asked(sources[0], request)[0])
        return []

    monkeypatch.setattr(film_commands, "jobs_for", caught)
    words = options_of(WHOLE, api.Extras(), force=True)
    told = api.hand_settings(Path("list.txt"), {scene: api.Configured(profiles=WHOLE.profiles)})
    holocine("render", scene, "--dry-run", "--settings", told, *words)
    assert got == [replace(WHOLE, settled=frozenset({"device", "memory"}))]


def test_evaluation_films_as_asked(
    holocine: Holocine, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[Request] = []

    def caught(*_: Any, requests: dict[Path, Request], **more: Any) -> None:
        got.extend(requests.values())
        raise InputError("enough")

    own(MINE)
    monkeypatch.setattr(api, "evaluate", caught)
    assert holocine("evaluate", scene, *CALLED, "--guidance", "4").exit_code == 2
    (one,) = got
    assert (one.profile, one.profiles) == ("mine", {"mine": MINE})
    assert one.settings == {"steps": 3, "guidance": 4.0, "size": "32x48"}
