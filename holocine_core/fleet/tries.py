"""How often a film was tried in vain: ``tries.json`` in its work folder.

Counted by progress: a try that brings the film on begins the count anew. A worker that dies tells
nothing, so a try is counted before it begins, and uncounted where it was stopped on request.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from holocine_core.errors import HolocineError, InputError, MachineError, RenderError
from holocine_core.plan.values import Plan, Take
from holocine_core.store.files import read_json, write_json
from holocine_core.store.vault import Vault, disk_errors

NAME = "tries.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """Tries that brought a film no further.

    Attributes:
        key: Of the film that was tried: another one's tries don't count.
        count: Begun since the film was last brought on.
        reached: How far it was then: clips, denoised takes, steps.
        kind: Of the last error; empty where a worker died.
        given_up: Whether nobody tries any more.
    """

    key: str = ""
    count: int = 0
    reached: tuple[int, ...] = ()
    kind: str = ""
    message: str = ""
    where: str = ""
    hint: str = ""
    worker: str = ""
    given_up: bool = False

    def begun(self, key: str, reached: tuple[int, ...], worker: str) -> Tries:
        """With one more try, or the first one where the film was brought on since."""
        on = self.reached != reached
        return replace(
            Tries() if on else self,
            key=key,
            count=1 if on else self.count + 1,
            reached=reached,
            worker=worker,
        )

    def failed(self, error: HolocineError, limit: int, reached: tuple[int, ...]) -> Tries:
        """After a try that failed: what is not the machine's fault fails anywhere, and a try that
        brought the film on was none in vain."""
        count = self.count if reached == self.reached else 0
        over = not isinstance(error, MachineError) or count >= limit
        return replace(
            self,
            count=count,
            reached=reached,
            kind=error.kind,
            message=error.message,
            where=error.where,
            hint=error.hint,
            given_up=over,
        )

    def uncounted(self) -> Tries:
        """After a try that was stopped on request."""
        return replace(self, count=max(0, self.count - 1))

    def error(self) -> HolocineError:
        """What the film failed with."""
        if not self.message:
            return MachineError(
                f"{self.count} workers ended without a word while they made it, the last of them "
                f"{self.worker}",
                hint="memory that runs out ends a process so: look at what the film needs with "
                "holocine plan",
            )
        kinds = {kind.kind: kind for kind in (InputError, MachineError, RenderError)}
        made = kinds.get(self.kind, RenderError)
        return made(self.message, where=self.where, hint=self.hint)


def reached(plan: Plan, vault: Vault) -> tuple[int, ...]:
    """How far a film is: clips, denoised takes, and steps of those that are at work."""
    clips = sum(vault.find("clips", take.clip_key) is not None for take in plan.takes)
    chain = [one for take in plan.takes for one in take.chain()]
    shot = sum(vault.find("latents", one.latents_key) is not None for one in chain)
    return clips, shot, sum(_furthest(vault, one) for one in chain)


def read_tries(work: Path, key: str) -> Tries:
    """What a work folder tells of a film; none where it tells of another one, or nothing that can
    be read. Without a ``key`` of whichever film it is."""
    told = read_json(work / NAME) or {}
    with suppress(TypeError, ValueError):
        found = Tries(**{**told, "reached": tuple(told.get("reached", ()))})
        if not key or found.key in ("", key):
            return found
    return Tries()


def write_tries(work: Path, tries: Tries) -> None:
    """Keep it; the system's refusals are MachineErrors."""
    with disk_errors("note how often the film was tried", work / NAME):
        write_json(work / NAME, asdict(tries))


def forget_tries(work: Path) -> None:
    """After a film that is made."""
    with disk_errors("remove the count of tries", work / NAME):
        (work / NAME).unlink(missing_ok=True)


def _furthest(vault: Vault, take: Take) -> int:
    stopped = vault.stopped(take.progress_key, take.high_key)
    steps: Iterable[int] = (int(entry.sidecar.get("step", 0)) for entry in stopped)
    return max(steps, default=0)
