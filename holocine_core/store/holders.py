"""Who has a lease, as its file tells."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any

from holocine_core.store.files import parse_json
from holocine_core.store.processes import Process, read_process, this_process

SECONDS = 60.0
"""How long a lease lasts that is not renewed."""
PART = re.compile(r"\.(?P<claim>[a-z0-9-]+-(?P<number>[0-9]+))\.(?P<token>[0-9a-f]+)\.part")
"""A claim that is being written: whose it is to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has a lease, or had it last.

    Attributes:
        process: That claimed it; None where the file is not whole.
        token: Tells its claims apart.
        since: When it was claimed, as the holder's clock says; for people.
        doing: What for; likewise.
        seconds: How long the lease lasts if it is not renewed.
        beat: Times that it was renewed.
        released: Whether it was given back.
    """

    process: Process | None = None
    token: str = ""
    since: str = ""
    doing: str = ""
    seconds: float = SECONDS
    beat: int = 0
    released: bool = False

    def __str__(self) -> str:
        if self.process is None:
            return "another process"
        what = f" ({self.doing})" if self.doing else ""
        return f"{self.process} since {self.since}{what}"


def holder_text(holder: Holder) -> str:
    """What a claim says."""
    process = holder.process or this_process()
    told = {**dataclasses.asdict(process), **dataclasses.asdict(holder)}
    del told["process"]
    return json.dumps(told, ensure_ascii=False) + "\n"


def read_holder(raw: bytes) -> Holder:
    """What a claim says; of one that is not whole (yet) only that it is there."""
    try:
        told: Any = parse_json(raw)
        return Holder(
            process=read_process(told),
            token=str(told["token"]),
            since=str(told["since"]),
            doing=str(told["doing"]),
            seconds=float(told["seconds"]),
            beat=int(told["beat"]),
            released=told["released"] is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return Holder()
