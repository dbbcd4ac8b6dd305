"""Where a film lies that is a version, as people read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.film import versions
from holocine_core.film.version_store import Version


def test_a_films_path_climbs_out_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / ".holocine" / "f"
    work.mkdir(parents=True)
    (tmp_path / "f.mp4").touch()
    monkeypatch.setattr(versions, "_key_at", lambda film: "k")
    known = Version.model_construct(number=1, film="../../f.mp4")
    assert versions.lying(work, [known]) == {"k": tmp_path / "f.mp4"}
