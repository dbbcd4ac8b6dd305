"""What is made of a script, in short: for tests that say exactly what should be."""

from __future__ import annotations

from pathlib import Path

from holocine_core.adapt.draft import Draft, to_yaml
from holocine_core.adapt.read import read_script
from holocine_core.script.reader import read_text
from holocine_core.script.screenplay import Screenplay

SCRIPTS = Path(__file__).parent / "scripts"


def imported(tmp_path: Path, text: str, name: str = "ferry.fountain", longest: float = 60) -> Draft:
    """The draft of a text."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_script(path, longest=longest)


def of_file(name: str) -> Draft:
    """The draft of one of the scripts beside the tests."""
    return read_script(SCRIPTS / name, longest=60)


def screenplay(draft: Draft) -> Screenplay:
    """A draft's screenplay, checked."""
    return read_text(to_yaml(draft, "nano")).accepted()


def people(draft: Draft) -> list[str]:
    return list(draft.looks)


def captions(draft: Draft) -> list[str]:
    return [scene.caption for scene in draft.scenes]


def prompts(draft: Draft, scene: int | None = None) -> list[str]:
    """What the shots of one scene, or of all, show."""
    scenes = draft.scenes if scene is None else draft.scenes[scene : scene + 1]
    return [shot.prompt for one in scenes for shot in one.shots]


def transitions(draft: Draft) -> list[str]:
    return [scene.transition for scene in draft.scenes]


def remarks(draft: Draft) -> list[str]:
    """Every comment of the screenplay, in order."""
    found = list(draft.remarks)
    for scene in draft.scenes:
        found += scene.remarks
        found += [remark for shot in scene.shots for remark in shot.remarks]
        found += scene.ending
    return found
