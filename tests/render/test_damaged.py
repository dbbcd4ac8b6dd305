"""Whatever of a film was damaged, lost or copied in part: it is told, and mended."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from holocine_core import api
from holocine_core.api import Extras
from holocine_core.edit.seal import is_sealed
from holocine_core.errors import InputError, InUse
from holocine_core.events import StepDone, Warned
from holocine_core.film import proof
from holocine_core.film.planning import plan_film
from holocine_core.plan.values import Plan
from holocine_core.production import render_film
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.store.leases import Lease
from holocine_core.store.records import DamagedRecord, read_record, sidecar_path, write_record
from holocine_core.store.vault import Vault
from tests.render.conftest import Listener

pytestmark = pytest.mark.slow


def flip(path: Path, at: float = 0.5) -> None:
    """Another bit, same length."""
    raw = bytearray(path.read_bytes())
    raw[int(at * (len(raw) - 1))] ^= 4
    path.write_bytes(raw)


def plan_of(own: tuple[Path, Path]) -> Plan:
    return plan_film(own[0], Request(out=own[1]))


DAMAGES = {
    "flipped": flip,
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "record flipped": lambda path: flip(path.with_suffix(".json")),
    "record torn": lambda path: path.with_suffix(".json").write_text('{"bytes": 12'),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("extra", ["shots", "storyboard"])
def test_extras_are_cut_from_whole_clips_only(
    damage: str, extra: str, own: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = plan_of(own)
    wanted = {"shots": tmp_path / "shots"} if extra == "shots" else {"storyboard": True}
    extras = Extras(**wanted)  # type: ignore[arg-type]
    files = api.beside(plan, extras)
    products = files.shots or (files.storyboard,)
    before = [path.read_bytes() for path in products if path is not None]
    clip = Vault(plan.work).path("clips", plan.takes[1].clip_key)
    kept = clip.read_bytes()
    DAMAGES[damage](clip)
    listener = Listener()
    film = api.render(plan, extras=extras, emit=listener)
    assert film.up_to_date
    assert listener.of(StepDone) == []
    (told,) = listener.of(Warned)
    assert str(clip) in told.where
    assert clip.read_bytes() == kept
    assert [path.read_bytes() for path in products if path is not None] == before


def test_where_clip_and_latents_are_damaged_nothing_is_cut(own: tuple[Path, Path]) -> None:
    plan, vault = plan_of(own), Vault(plan_of(own).work)
    flip(vault.path("clips", plan.takes[0].clip_key))
    flip(vault.path("latents", plan.takes[0].latents_key))
    with pytest.raises(InputError, match="no longer there to cut from"):
        api.beside(plan, Extras(storyboard=True))


@pytest.mark.parametrize("at", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_film_without_its_record_is_proven_by_its_seal(
    at: float, whole: tuple[Path, Path], own: tuple[Path, Path]
) -> None:
    sidecar_path(own[1]).unlink()
    listener = Listener()
    assert render_film(*own, emit=listener).up_to_date
    assert listener.of(Warned) == []
    sidecar_path(own[1]).unlink()
    flip(own[1], at)
    assert is_sealed(own[1]) is not True
    assert not render_film(*own, emit=listener).up_to_date
    told, kept = listener.of(Warned)
    damaged = "the film is damaged or was changed: it is made anew"
    assert (told.message, told.where) == (damaged, str(own[1]))
    assert "is kept as film.damaged.mp4" in kept.message
    assert listener.of(StepDone) == [], "its takes are there"
    assert own[1].read_bytes() == whole[1].read_bytes()


def test_a_film_that_was_copied_alone_is_taken(whole: tuple[Path, Path], tmp_path: Path) -> None:
    screenplay, film = whole
    copy = tmp_path / "film.mp4"
    shutil.copy(film, copy)
    listener = Listener()
    assert render_film(screenplay, copy, emit=listener).up_to_date
    assert listener.of(Warned) == []


def test_a_damaged_film_is_told(own: tuple[Path, Path]) -> None:
    kept = own[1].read_bytes()
    for damage in ("flipped", "shorter", "longer"):
        DAMAGES[damage](own[1])
        damaged = own[1].read_bytes()
        listener = Listener()
        render_film(*own, emit=listener)
        found, aside = listener.of(Warned)
        assert "the film is damaged" in found.message
        assert "damaged or changed" in aside.message
        assert Path(aside.where).read_bytes() == damaged
        assert own[1].read_bytes() == kept


def test_nothing_but_a_film_is_played(own: tuple[Path, Path]) -> None:
    """Where neither seal nor sidecar nor takes tell of a film; a list of others is none."""
    listed = own[1].with_name("list.mp4")
    listed.write_text("ffconcat version 1.0\nfile film.mp4\n")
    assert proof._plays(own[1])
    assert not proof._plays(listed)


def test_a_film_without_a_seal_is_compared_or_said_not_to_be(
    own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As films of earlier versions are, which carry none."""
    monkeypatch.setattr("holocine_core.film.proof.is_sealed", lambda path: None)
    sidecar_path(own[1]).unlink()
    kept = own[1].read_bytes()
    flip(own[1], 0.6)
    assert not render_film(*own).up_to_date, "its takes are there: it is cut anew"
    assert own[1].read_bytes() == kept
    sidecar_path(own[1]).unlink()
    shutil.rmtree(own[1].parent / ".holocine")
    listener = Listener()
    assert render_film(*own, emit=listener).up_to_date
    assert "are not here to compare" in listener.of(Warned)[0].message


@pytest.mark.parametrize("at", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_a_films_damaged_record_is_written_anew(own: tuple[Path, Path], at: float) -> None:
    path = sidecar_path(own[1])
    kept = json.loads(path.read_text())
    flip(path, at)
    listener = Listener()
    assert render_film(*own, emit=listener).up_to_date
    assert "is damaged" in listener.of(Warned)[0].message
    again = json.loads(path.read_text())
    for told in (kept, again):
        del told["check"]
    assert again == kept


@pytest.mark.parametrize("at", range(0, 60, 3))
def test_a_record_tells_of_every_flipped_byte(tmp_path: Path, at: int) -> None:
    path, value = tmp_path / "a.json", {"bytes": 12, "told": "a café", "list": [1.5, None]}
    write_record(path, value)
    assert read_record(path) == value
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 1
    path.write_bytes(raw)
    try:
        found = read_record(path)
    except DamagedRecord:
        return
    # White space may be other white space; a sum by another name shows itself.
    assert found is not None
    assert {name: found[name] for name in value} == value


def test_two_renders_of_one_film_from_two_work_folders(own: tuple[Path, Path]) -> None:
    plan = plan_film(own[0], Request(out=own[1].with_name("new.mp4"), work=own[1].parent / "w"))
    folder = own[1].parent / ".holocine"
    program = (
        "import sys, time; from pathlib import Path; from holocine_core.store.vault import Vault\n"
        f"v = Vault(Path({str(own[1].parent / 'v')!r}))\n"
        f"with v.locked('other'), v.holding(Path({str(plan.out)!r}), Path({str(folder)!r}), 'o'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(InUse, match="another render is making this film"):
        render(plan)
    other.communicate()
    assert not render(plan).up_to_date
    assert sorted(path.name for path in folder.iterdir()) == ["film"], "no claim is left"


def test_a_film_whose_place_was_taken_over_is_not_written(
    own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from holocine_core.errors import TakenOver

    plan = plan_film(own[0], Request(out=own[1].with_name("new.mp4"), work=own[1].parent / "w"))
    folder = own[1].parent / ".holocine"

    def steal(*_: object) -> None:
        (claim,) = folder.glob("film-*.json")
        claim.with_name(claim.name.replace("-1.json", "-2.json")).write_text(claim.read_text())

    monkeypatch.setattr("holocine_core.film.finish.cut_cards", steal)
    with pytest.raises(TakenOver):
        render(plan)
    assert not plan.out.exists()
    assert Lease(plan.work).is_over()
