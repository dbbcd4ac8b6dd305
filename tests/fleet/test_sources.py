from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from holocine_core.errors import InputError
from holocine_core.fleet.sources import (
    refuse_repeated,
    shard_of,
    sources,
    until,
)

NOON = datetime(2026, 12, 1, 12, 0)


def test_a_folder_is_its_screenplays(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "notes.txt", "deep/c.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    single = tmp_path / "deep/c.yaml"
    found = sources([tmp_path, single, tmp_path / "b.yaml"])
    assert [path.name for path in found] == ["a.yml", "b.yaml", "c.yaml"], "each once"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no screenplay") as caught:
        sources([tmp_path / "empty"])
    assert caught.value.where.endswith("empty")


def test_a_list_is_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b c.yaml", " a.yaml", "#1.yaml", "two\nlines.yaml"):
        Path(name).touch()
    found = sources([], "# mine\nb c.yaml \n\n a.yaml\r\n./#1.yaml\n#2.yaml")
    assert [str(path) for path in found] == ["b c.yaml", " a.yaml", "#1.yaml"]
    found = sources([], "#1.yaml\0two\nlines.yaml\0")
    assert [str(path) for path in found] == ["#1.yaml", "two\nlines.yaml"]
    for empty in ("", "\n \n", "# none\n", "\0"):
        with pytest.raises(InputError, match="names no file") as caught:
            sources([], empty, place="two.txt")
        assert caught.value.where == "two.txt"
    with pytest.raises(InputError, match=r"there is no file (x|y)\.yaml") as caught:
        sources([], "b c.yaml\nx.yaml\n# z.yaml\ny.yaml\n", place="two.txt")
    assert [one.where for one in caught.value.problems] == ["two.txt:2", "two.txt:4"]
    with pytest.raises(InputError, match="nothing to film"):
        sources([])


def test_shards_are_all_films_once() -> None:
    films = list("abcdefgh")
    parts = [shard_of(f"{i}/3", films) for i in (1, 2, 3)]
    assert parts[0] == ["a", "d", "g"]
    assert sorted(film for part in parts for film in part) == films
    assert shard_of("9/9", films) == []
    with pytest.raises(InputError, match="nothing to film for shard 2/2"):
        sources([Path("a.yaml")], shard="2/2")
    for wrong in ("0/3", "4/3", "3", "a/b", "-1/3", "1/0"):
        with pytest.raises(InputError, match="shard"):
            shard_of(wrong, films)


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        ("13:30", "2026-12-01T13:30"),
        ("07:00", "2026-12-02T07:00"),
        ("12:00", "2026-12-02T12:00"),
        ("90m", "2026-12-01T13:30"),
        ("+1.5h", "2026-12-01T13:30"),
        ("2d", "2026-12-03T12:00"),
        ("2026-12-24T07:00", "2026-12-24T07:00"),
        ("2026-12-24 07:00", "2026-12-24T07:00"),
    ],
)
def test_until_when(asked: str, then: str) -> None:
    assert until(asked, NOON) == datetime.fromisoformat(then)


def test_a_time_of_another_zone_is_ours() -> None:
    there = datetime.fromisoformat("2026-12-24T07:00+05:00")
    assert until("2026-12-24T07:00+05:00", NOON).timestamp() == there.timestamp()


@pytest.mark.parametrize(
    "asked", ["soon", "99999999999d", "25:00", "7", "12:61", "2026-13-01", "2020-01-01T00:00"]
)
def test_no_time(asked: str) -> None:
    with pytest.raises(InputError) as caught:
        until(asked, NOON)
    assert caught.value.where == "--until"


def test_two_films_of_one_work_folder() -> None:
    work = Path("films/.holocine/a")
    refuse_repeated([(Path("films/a.mp4"), work), (Path("films/b.mp4"), work.with_name("b"))])
    with pytest.raises(InputError, match=r"a\.mp4 and films/a\.mkv"):
        refuse_repeated([(Path("films/a.mp4"), work), (Path("films/a.mkv"), work)])
