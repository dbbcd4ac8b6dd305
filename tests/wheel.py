"""Films with a built wheel, from an empty folder: ``python -m tests.wheel DIST``.

The wheel is unpacked beside this environment's libraries and goes before the checkout on the path:
what is missing in it is missing in the film.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SHIPPED = (
    "holocine_core/py.typed",
    "holocine_core/script/starter.yaml",
    "holocine_core/model/nano/holocine.json",
    "holocine_core/model/nano/transformer/diffusion_pytorch_model.safetensors",
    "holocine_core/lab/judge/model.safetensors",
    "holocine_core/shipped/codecs/nano-codec.yaml",
    "holocine_core/shipped/recipes/nano-quick.yaml",
    "holocine_core/shipped/suites/nano.yaml",
    "holocine_core/shipped/templates/drawn/chase.yaml",
    "holocine_core/shipped/templates/told/chase.yaml",
    "holocine_core/shipped/words/nano-words.md",
    "holocine_core/shipped/words/nano-words.safetensors",
)
FILM = """
profiles: {standard: {steps: 2, size: 48x32}}
global: A quiet room.
frames: 9
shots: [A lamp is lit., The lamp goes out.]
"""
CALLS = (
    ("render", "film.yaml", "--json", "-q"),
    ("new", "escape", "--template", "chase", "--json"),
    ("plan", "escape.yaml", "--json"),
    ("train", "--list", "--json"),
    ("train", "nano-quick", "--dry-run", "--json"),
    ("lab", "vectors", "--table", "nano-words", "--out", "words", "--json"),
)
"""What goes through in a folder with ``film.yaml`` and nothing else."""


def answers_of(wheel: Path) -> list[dict[str, Any]]:
    """What the wheel's ``holocine`` answers to CALLS, as JSON.

    Raises:
        SystemExit: One ends with an error.
    """
    with tempfile.TemporaryDirectory(prefix="holocine-wheel-") as name:
        room = Path(name)
        zipfile.ZipFile(wheel).extractall(room / "site")
        (room / "empty").mkdir()
        (room / "empty" / "film.yaml").write_text(FILM)
        return [_answer(room, call) for call in CALLS]


def _answer(room: Path, call: Sequence[str]) -> dict[str, Any]:
    code = (
        "import holocine_core, sys; from holocine_cli.app import main; "
        f"assert holocine_core.__file__.startswith({str(room)!r}), holocine_core.__file__; "
        f"sys.exit(main({list(call)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=room / "empty",
        env={**os.environ, "PYTHONPATH": str(room / "site")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(" ".join(call) + done.stdout + done.stderr)
    return dict(json.loads(done.stdout))


def lacking(wheel: Path) -> list[str]:
    """Files that ship and that the wheel has not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    return [name for name in SHIPPED if name not in names]


def readme_links(wheel: Path) -> list[str]:
    """Links of the package index's page that lead nowhere outside the repository."""
    archive = zipfile.ZipFile(wheel)
    (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
    page = archive.read(name).decode().split("\n\n", 1)[1]
    return [
        part.split(")")[0] for part in page.split("](")[1:] if not part.startswith(("http", "#"))
    ]


def main(dist: Path) -> None:
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    if missing := lacking(wheel):
        raise SystemExit(f"{wheel.name} lacks {', '.join(missing)}")
    if dead := readme_links(wheel):
        raise SystemExit(f"the package's page links to {', '.join(dead)}")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    for name in (*SHIPPED, "tests/conftest.py", "screenplays/lighthouse.yaml", "Makefile"):
        if name not in inside:
            raise SystemExit(f"{sdist.name} lacks {name}")
    answer, *_ = answers_of(wheel)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, films {answer['frames']} frames,")
    print(f"  and {len(CALLS) - 1} more calls go through in an empty folder")
    print(f"{sdist.name}: {sdist.stat().st_size / 1e6:.1f} MB")
    if "OWNER" in Path("pyproject.toml").read_text(encoding="utf-8"):
        print("pyproject.toml still says OWNER: fill it in before this is published")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
