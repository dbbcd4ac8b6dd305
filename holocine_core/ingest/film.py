"""A film that was looked at, with everything that was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holocine_core.ingest.boundaries import Boundary
from holocine_core.ingest.footage import Footage
from holocine_core.ingest.looks import Looks, spread
from holocine_core.ingest.samples import sample_name
from holocine_core.ingest.scan import Scan
from holocine_core.ingest.scenes import SceneCut
from holocine_core.ingest.shots import LOOKS, Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film.

    Attributes:
        name: In the names of its samples.
        sha256: Of its file.
        boundaries: After a person's answers.
        shots: Between them, with what is wrong with them.
        scenes: Made of its shots, of each wanted length.
    """

    name: str
    sha256: str
    footage: Footage
    scan: Scan
    looks: Looks
    boundaries: tuple[Boundary, ...]
    shots: tuple[Shot, ...]
    scenes: tuple[SceneCut, ...]

    @property
    def whole(self) -> bool:
        """Whether as many frames were read as the file says it has."""
        return len(self.scan) >= self.footage.frames and not self.scan.torn_n.any()

    @property
    def damage(self) -> str:
        """What can't be read of it; empty for a whole film."""
        torn = int(self.scan.torn_n.sum())
        missing = max(0, self.footage.frames - len(self.scan))
        told = [f"{missing} of {self.footage.frames} frames are missing"] if missing else []
        return ", ".join([*told, *([f"{torn} places can't be read"] if torn else [])])

    def pictures(self, shot: Shot, most: int) -> tuple[int, ...]:
        """Times of gathered pictures of a shot, at most so many, evenly spread."""
        gathered = spread(self.scan.time_n[shot.first : shot.stop], LOOKS)
        step = max(1, len(gathered) // most)
        return gathered[step // 2 :: step][:most]

    def record(self) -> dict[str, Any]:
        """As JSON, for ``ingest.json``."""
        footage = self.footage
        return {
            "file": str(footage.path),
            "sha256": self.sha256,
            "size": f"{footage.width}x{footage.height}",
            "rate": str(footage.rate),
            "frames": len(self.scan),
            **({"damage": self.damage} if self.damage else {}),
            "boundaries": [one.record() for one in self.boundaries],
            "shots": [shot.record() for shot in self.shots],
            "scenes": {sample_name(self.name, scene): scene.record() for scene in self.scenes},
        }
