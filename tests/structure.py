"""What the code looks like from afar: ``python -m tests.structure [CHECKOUT]``.

Prints rooms with their lines, arrows between rooms (one per pair), circles, and the frames from the
command to the network's forward, which is counted while a tiny film is made.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = "holocine_core"


def room_of(inside: Path) -> str:
    """A file's room: the folder below holocine_core that it lies in, or the file itself."""
    return inside.parts[0].removesuffix(".py")


def modules(path: Path) -> Iterator[str]:
    """Rooms that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == CORE:
            names = [f"{CORE}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name.split(".")[1] for name in names if name.startswith(f"{CORE}."))


def arrows(checkout: Path) -> tuple[dict[str, int], dict[str, set[str]]]:
    """Lines by room, and which rooms each room imports; errors and events go without saying."""
    lines: Counter[str] = Counter()
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((checkout / CORE).rglob("*.py")):
        inside = path.relative_to(checkout / CORE)
        if inside.name == "__init__.py" and len(inside.parts) == 1:
            continue
        room = room_of(inside)
        lines[room] += len(path.read_text(encoding="utf-8").splitlines())
        found[room] |= {name for name in modules(path) if name not in (room, "errors", "events")}
    return dict(lines), dict(found)


def circles(found: Mapping[str, set[str]]) -> list[str]:
    """Rooms that reach themselves again."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(found.get(start, ()))
        while waiting:
            room = waiting.pop()
            if room not in seen:
                seen.add(room)
                waiting += found.get(room, ())
        return seen

    return sorted(room for room in found if room in reached(room))


FRAMES = """
import sys, tempfile, traceback
from pathlib import Path
sys.path.insert(0, {root!r})
from diffusers import WanTransformer3DModel
from holocine_cli.app import main
from holocine_core.model.tiny import write_tiny
stack = []
real = WanTransformer3DModel.forward
def forward(self, **given):
    if not stack:
        stack.extend(
            f"{{Path(frame.filename).stem}}.{{frame.name}}"
            for frame in traceback.extract_stack()
            if "/holocine_c" in frame.filename
        )
    return real(self, **given)
WanTransformer3DModel.forward = forward
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    write_tiny(folder / "tiny")
    (folder / "film.yaml").write_text("frames: 9\\nsize: 32x32\\nshots: [a lamp, a door]\\n")
    words = ["render", folder / "film.yaml", "--model", folder / "tiny", "--profile", "draft"]
    main([*map(str, words), "-o", str(folder / "film.mp4"), "-qq"])
print(len(stack), " > ".join(stack), file=sys.stderr)
"""


def frames(checkout: Path) -> str:
    """How many of our frames lie between the command and the network, and which."""
    code = FRAMES.format(root=str(checkout.resolve()))
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=checkout, capture_output=True, text=True
    )
    told = done.stderr.strip().splitlines()
    return told[-1] if told else "not found"


def main(checkout: Path) -> None:
    lines, found = arrows(checkout)
    for room, count in sorted(lines.items(), key=lambda one: -one[1]):
        print(f"{room:12} {count:6} lines  -> {', '.join(sorted(found[room])) or '-'}")
    among = {room: others & lines.keys() for room, others in found.items()}
    total, pairs = sum(lines.values()), sum(map(len, among.values()))
    print(f"{len(lines)} rooms, {total} lines, {pairs} arrows, circles: {circles(among) or 'none'}")
    print("frames to the network:", frames(checkout))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT)
