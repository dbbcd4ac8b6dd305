"""The lock names every package that the environment of the tests is made of, at its version."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("dev", "lowmem", "film", "train", "ingest", "eval", "cluster", "slurm")
LOCK = Path(__file__).parents[1] / "requirements.lock"


def locked() -> dict[str, str]:
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line]
    return {canonicalize_name(n): v for n, v in (line.split("==") for line in lines)}


def needed(name: str, extra: str = "") -> Iterator[str]:
    """What a package asks for on this machine."""
    for text in distribution(name).requires or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            yield canonicalize_name(wanted.name)
            for more in wanted.extras:
                yield from needed(wanted.name, more)


def test_every_package_of_the_environment_is_locked() -> None:
    waiting = [name for extra in ("", *EXTRAS) for name in needed("holocine", extra)]
    # Which build of torch, and what that one brings, is the machine's to say.
    seen = {"torch"}
    while waiting:
        name = waiting.pop()
        if name in seen or name == "holocine":
            continue
        seen.add(name)
        waiting += needed(name)
    versions = locked()
    missing, other = [], []
    for name in sorted(seen - {"torch"}):
        try:
            found = distribution(name).version
        except PackageNotFoundError:
            continue
        if name not in versions:
            missing.append(name)
        elif versions[name] != found:
            other.append(f"{name} {found} instead of {versions[name]}")
    assert not missing
    assert not other
