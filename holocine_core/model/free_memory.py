"""How much of a machine's main memory is free, heeding the limits of containers. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path("/")
"""Of the files that tell; another one in tests."""
_V1_LIMIT, _V1_USED = "memory.limit_in_bytes", "memory.usage_in_bytes"
_V2_LIMIT, _V2_USED = "memory.max", "memory.current"


def free_main_memory() -> int | None:
    """Bytes that a process may still take; None where nobody says.

    What the system holds of files counts as free: it lets go of it. The same holds for a container
    (a cgroup, either version) or a Slurm job, whose limit is often far below the machine's.
    """
    told = _sizes(ROOT / "proc/meminfo").get("MemAvailable:")
    free = [] if told is None else [told * 1024]
    free += _free_in_groups()
    return min(free, default=None)


def _free_in_groups() -> Iterator[int]:
    """What is free in each control group of this process that has a limit."""
    for folder, limit, used, cached in _groups():
        most, now = _number(folder / limit), _number(folder / used)
        if most is None or now is None:
            continue
        stat = _sizes(folder / "memory.stat")
        yield max(0, most - now + sum(stat.get(name, 0) for name in cached))


def _groups() -> Iterator[tuple[Path, str, str, tuple[str, ...]]]:
    """Folders of this process's groups, each with those above it; the files that tell a limit and
    what is used; what of that are files."""
    mounted = ROOT / "sys/fs/cgroup"
    for line in _lines(ROOT / "proc/self/cgroup"):
        _, kinds, path = (*line.split(":", 2), "", "")[:3]
        if kinds == "":
            home, names = mounted, (_V2_LIMIT, _V2_USED, ("inactive_file", "active_file"))
        elif "memory" in kinds.split(","):
            home = mounted / "memory"
            names = (_V1_LIMIT, _V1_USED, ("total_inactive_file", "total_active_file"))
        else:
            continue
        # In a container the path is the host's, and its own group is mounted as the root.
        steps = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(steps), -1, -1):
            yield home.joinpath(*steps[:depth]), *names


def _number(path: Path) -> int | None:
    """The one number in a file; None for ``max``."""
    text = next(iter(_lines(path)), "").strip()
    return int(text) if text.isdigit() else None


def _sizes(path: Path) -> Mapping[str, int]:
    """Numbers by name, of a file with one each line."""
    pairs = (line.split() for line in _lines(path))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdigit()}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
