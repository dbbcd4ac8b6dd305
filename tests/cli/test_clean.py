"""What clean removes, and that every film which is there is still made again of its takes."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from holocine_cli.app import main
from holocine_core import api
from holocine_core.film.editing import Edit
from holocine_core.store.processes import in_file_names
from holocine_core.store.vault import Vault
from tests.cli.conftest import Answer, Holocine, write_scene

pytestmark = pytest.mark.slow
WORK = Path(".holocine/room")
Stopper = Callable[[int, int], None]


def files(folder: Path = Path()) -> set[str]:
    """All files below a folder, but for leases, which name who was there."""
    found = (str(one) for one in folder.rglob("*") if one.is_file() or one.is_symlink())
    return {one for one in found if "lease-" not in one and not one.startswith("cache")}


def removed(answer: Answer) -> dict[str, int]:
    """Bytes by reason."""
    assert answer.exit_code == 0, answer.stderr
    sums: dict[str, int] = {}
    for item in answer.json["items"]:
        sums[item["reason"]] = sums.get(item["reason"], 0) + item["bytes"]
    return sums


def reasons(answer: Answer) -> str:
    return " ".join(one["reason"] for one in answer.json["left"])


def require_takes(film: str | Path, work: Path | None = None) -> None:
    """The film is its own, can be cut again and edited, with nothing but what is there."""
    edit = api.plan_reshoot(film, 1, request=api.Request(work=work))
    assert isinstance(edit, Edit)
    assert [take.state for take in edit.before.takes] == ["reuse"] * len(edit.before.takes)
    vault = Vault(edit.before.work)
    for take in edit.before.takes:
        assert vault.whole("clips", take.clip_key) is not None
        assert all(vault.whole("latents", one.latents_key) for one in take.chain())


def change(text: str = "flickers", before: str = "goes out") -> None:
    room = Path("room.yaml")
    room.write_text(room.read_text().replace(before, text))


@pytest.fixture(scope="module")
def two_drafts(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A folder with a preview, and in its work folder the one of before a change; not to be
    changed."""
    folder = tmp_path_factory.mktemp("drafts")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        write_scene("room.yaml", model=str(tiny))
        for text in ("flickers", "glows"):
            change(text, "goes out" if text == "flickers" else "flickers")
            assert main(["preview", "room.yaml", "-qq"]) == 0
    return folder


@pytest.fixture
def drafts(holocine: Holocine, two_drafts: Path, tmp_path: Path) -> Path:
    """The same, in the current folder."""
    shutil.copytree(two_drafts, tmp_path, dirs_exist_ok=True)
    return Path("room.preview.mp4")


def test_without_yes_nothing_is_touched(holocine: Holocine, film: Path) -> None:
    film.unlink()
    Path("room.mp4.json").unlink()
    Path("room.yaml").unlink()
    before = files()
    answer = holocine("clean")
    assert answer.exit_code == 0
    assert ".holocine/room" in answer.stdout
    assert "nothing was removed; to remove it: holocine clean --yes" in answer.stderr
    assert files() == before
    told = holocine("clean", "--json").json
    assert (told["removed"], told["items"][0]["reason"]) == (False, "gone")
    assert told["bytes"] == sum(Path(one).stat().st_size for one in before)


def test_a_work_folder_goes_with_film_and_screenplay(holocine: Holocine, film: Path) -> None:
    (WORK / "notes.txt").write_text("mine")
    (WORK / "clips" / "holiday.mp4").write_bytes(b"mine")
    film.unlink()
    assert removed(holocine("clean", "--yes", "--json")) == {}, "its screenplay is there"
    Path("room.yaml").rename("other.yaml")
    assert set(removed(holocine("clean", "--yes", "--json"))) == {"gone"}
    assert files(WORK) == {str(WORK / "notes.txt"), str(WORK / "clips/holiday.mp4")}
    shutil.rmtree(WORK)
    assert removed(holocine("clean", "--json")) == {}


def test_a_folder_that_is_ours_alone_goes_whole(holocine: Holocine, film: Path) -> None:
    film.unlink()
    Path("room.yaml").unlink()
    assert holocine("clean", "-y").exit_code == 0
    assert not Path(".holocine").exists()
    assert Path("room.mp4.json").exists(), "it lies beside, and is no take"


@pytest.mark.parametrize("beside", [True, False])
def test_a_film_that_was_moved_keeps_its_takes(
    holocine: Holocine, film: Path, beside: bool
) -> None:
    home = Path("done/2026")
    home.mkdir(parents=True)
    film.rename(home / film.name)
    sidecar = Path("room.mp4.json")
    sidecar.rename(home / sidecar.name) if beside else sidecar.unlink()
    Path("room.yaml").unlink()
    before = files()
    assert removed(holocine("clean", "--yes", "--unfinished", "--json")) == {}
    assert files() == before
    require_takes(home / film.name, WORK)


def test_films_of_one_work_folder_each_keep_theirs(holocine: Holocine, film: Path) -> None:
    for name, seed in (("a.mp4", "2"), ("c.mp4", "4")):
        assert holocine("render", "room.yaml", "-o", name, "--seed", seed, "-qq").exit_code == 0
    assert holocine("reshoot", "a.mp4", "--shot", "2", "-qq").exit_code == 0
    Path("c.mp4").unlink()
    film.rename("moved.mp4")
    before = files(WORK)
    assert removed(holocine("clean", "--yes", "--json")) == {}
    assert files(WORK) == before, "c.mp4 may lie anywhere"
    gone = removed(holocine("clean", "--yes", "--unfinished", "--json"))
    assert set(gone) == {"unfinished"}
    require_takes("a.mp4")
    require_takes("moved.mp4", WORK)
    assert holocine("versions", "a.mp4", "--pick", "1").exit_code == 0
    require_takes("a.mp4")
    again = holocine("render", "room.yaml", "-o", "c.mp4", "--seed", "4", "--json").json
    assert [take["state"] for take in again["takes"]] == ["shot"]


def test_a_replaced_film_is_a_version_and_stays(holocine: Holocine, film: Path) -> None:
    change()
    assert holocine("render", "room.yaml", "-qq").exit_code == 0
    assert removed(holocine("clean", "--yes", "--unfinished", "--json")) == {}
    require_takes(film)
    assert holocine("versions", film, "--pick", "1").exit_code == 0
    require_takes(film)


def test_a_film_that_was_moved_away_keeps_its_takes_while_its_screenplay_is_there(
    holocine: Holocine, film: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing below the folder tells of it but the journal."""
    away = tmp_path_factory.mktemp("away")
    for path in (film, Path("room.mp4.json")):
        path.rename(away / path.name)
    change()
    assert holocine("render", "room.yaml", "-qq").exit_code == 0
    assert removed(holocine("clean", "--yes", "--json")) == {}
    require_takes(away / film.name, WORK.resolve())


def test_drafts_of_before_a_change_go(holocine: Holocine, drafts: Path) -> None:
    takes = [one for one in files(WORK) if one.endswith((".safetensors", ".mp4"))]
    assert set(removed(holocine("clean", "room.yaml", "--yes", "--json"))) == {"earlier"}
    left = [one for one in files(WORK) if one.endswith((".safetensors", ".mp4"))]
    assert (len(takes), len(left)) == (4, 2)
    require_takes(drafts)
    again = holocine("preview", "room.yaml", "--json").json
    assert [take["state"] for take in again["takes"]] == ["reused"]


def test_what_is_half_made_stays_until_it_is_asked_for(
    holocine: Holocine, scene: Path, signal_at_step: Stopper
) -> None:
    signal_at_step(2, 3)
    assert holocine("render", "room.yaml", "-qq").exit_code == 130
    assert removed(holocine("clean", "--yes", "--json")) == {}
    answer = holocine("clean", "--json")
    assert [one["reason"] for one in answer.json["unfinished"]] == ["unfinished"]
    assert api.plan("room.yaml").takes[0].step >= 3
    change()
    assert holocine("render", "room.yaml", "-qq").exit_code == 0
    assert set(removed(holocine("clean", "room.mp4", "--yes", "--json"))) == {"earlier"}
    require_takes("room.mp4")


def test_half_made_films_go_where_they_are_meant(
    holocine: Holocine, film: Path, signal_at_step: Stopper
) -> None:
    signal_at_step(2, 3)
    assert holocine("render", "room.yaml", "--seed", "9", "-o", "b.mp4", "-qq").exit_code == 130
    young = holocine("clean", "--unfinished", "--older", "1d", "--json")
    assert removed(young) == {}
    assert set(removed(holocine("clean", "--unfinished", "-y", "--json"))) == {"unfinished"}
    assert list((WORK / "progress").iterdir()) == []
    require_takes(film)


def test_a_work_folder_that_was_named(holocine: Holocine, scene: Path) -> None:
    words = ("render", "room.yaml", "-o", "out/film.mp4", "--work", "takes/room", "-qq")
    assert holocine(*words).exit_code == 0
    work = Path("takes/room")
    for named in (".", "takes", "takes/room", "out/film.mp4"):
        assert removed(holocine("clean", named, "--yes", "--unfinished", "--json")) == {}
        require_takes("out/film.mp4")
    Path("room.yaml").unlink()
    Path("out/film.mp4").rename("elsewhere.mp4")
    assert removed(holocine("clean", "--yes", "--json")) == {}, "it was moved inside"
    require_takes("elsewhere.mp4", work)
    assert removed(holocine("clean", "out", "--json")) == {}, "the takes are not below that folder"
    Path("elsewhere.mp4").unlink()
    assert set(removed(holocine("clean", "takes", "--yes", "--json"))) == {"gone"}
    assert not work.exists()


def test_links_are_not_followed(holocine: Holocine, film: Path, tmp_path: Path) -> None:
    Path("inside/.holocine").mkdir(parents=True)
    outside = Path("outside/room")
    outside.parent.mkdir()
    WORK.rename(outside)
    Path("inside/.holocine/room").symlink_to(outside.resolve())
    Path("inside/linked").symlink_to(Path("outside").resolve())
    before = files()
    answer = holocine("clean", "inside", "--yes", "--unfinished", "--json")
    assert removed(answer) == {}
    assert "it is a link" in reasons(answer)
    assert files() == before
    shutil.copytree(outside, "inside/.holocine/other")
    (Path("inside/.holocine/other/clips")).rename("clips")
    Path("inside/.holocine/other/clips").symlink_to(Path("clips").resolve())
    before = files(Path("clips"))
    answer = holocine("clean", "inside", "--yes", "--json")
    assert "clips is a link" in reasons(answer)
    assert files(Path("clips")) == before


def test_a_folder_in_use_is_left(holocine: Holocine, film: Path) -> None:
    film.unlink()
    Path("room.yaml").unlink()
    before = files()
    with Vault(WORK).locked("render other.yaml"):
        answer = holocine("clean", "--yes", "--json")
        assert removed(answer) == {}
        assert "render other.yaml" in reasons(answer)
        assert files() == before


@pytest.mark.parametrize(
    "name", ["negatives/*.json", "versions/0001.json", "extras.json", "pending.json"]
)
def test_a_folder_with_a_damaged_record_is_left_and_told(
    holocine: Holocine, film: Path, name: str
) -> None:
    assert holocine("render", "room.yaml", "--otio", "-qq").exit_code == 0
    assert holocine("versions", film).exit_code == 0
    (WORK / "pending.json").write_text("{}")
    next(WORK.glob(name)).write_text('{"half')
    film.unlink()
    Path("room.yaml").unlink()
    before = files()
    answer = holocine("clean", "--yes", "--json")
    assert removed(answer) == {}
    assert reasons(answer)
    assert files() == before


def test_a_film_that_says_nothing_of_its_takes_keeps_all(holocine: Holocine, film: Path) -> None:
    """Neither its sidecar nor its tags can be read."""
    Path("room.mp4.json").write_text("{")
    film.write_bytes(b"x" * 99)
    Path("room.yaml").unlink()
    before = files()
    answer = holocine("clean", "--yes", "--unfinished", "--json")
    assert removed(answer) == {}
    assert "room.mp4" in reasons(answer)
    assert files() == before


@pytest.mark.parametrize("lost", ["journal", "of before"])
def test_what_no_journal_tells_of_is_not_guessed(
    holocine: Holocine, drafts: Path, lost: str
) -> None:
    journal = WORK / "run.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    new = {"holds", "place", "source", "asked"}
    told = [{name: value for name, value in one.items() if name not in new} for one in lines]
    journal.write_text("\n".join(map(json.dumps, told)) if lost == "of before" else "")
    assert removed(holocine("clean", "--yes", "--json")) == {}
    assert set(removed(holocine("clean", "--unfinished", "--yes", "--json"))) == {"unfinished"}
    require_takes(drafts)


def test_what_killed_calls_left(holocine: Holocine, film: Path) -> None:
    room = ".holocine-elsewhere-99999999-abcdefgh"
    mine = room.replace("elsewhere", in_file_names(socket.gethostname()))
    for place in (Path(), WORK, WORK / "clips"):
        (place / mine).mkdir()
        (place / mine / "half.mp4").write_bytes(b"half")
    (WORK / "clips/0123456789abcdef.mp4").write_bytes(b"no sidecar")
    (WORK / "clips/0123456789abcdef.txt").write_bytes(b"not ours")
    answer = holocine("clean", "--yes", "--json")
    assert removed(answer) == {"left over": 3 * 4 + len("no sidecar")}
    assert not list(Path().rglob(".holocine-*"))
    assert (WORK / "clips/0123456789abcdef.txt").exists()
    require_takes(film)


@pytest.mark.parametrize("dies_at", [0, 1, 2, 3])
def test_killed_midway_it_leaves_films_that_can_be_made(
    holocine: Holocine, drafts: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    plain, calls = Path.unlink, []

    def dies(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name in ("negatives", "clips"):
            calls.append(path)
            if len(calls) > dies_at:
                raise KeyboardInterrupt
        plain(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dies)
        assert holocine("clean", "--yes").exit_code == 130
    require_takes(drafts)
    assert holocine("preview", "room.yaml", "-qq").exit_code == 0
    assert holocine("clean", "--yes").exit_code == 0
    assert len(list((WORK / "clips").glob("*.mp4"))) == 1
    require_takes(drafts)


@pytest.mark.parametrize(
    ("words", "told"), [(["nowhere"], "nothing at nowhere"), (["--older", "soon"], "no age")]
)
def test_words_that_mean_nothing(holocine: Holocine, words: list[str], told: str) -> None:
    write_scene("room.yaml")
    answer = holocine("clean", *words)
    assert answer.exit_code == 2
    assert told in answer.stderr
