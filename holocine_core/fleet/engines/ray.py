"""Workers on a Ray cluster: one for each card, or for so many cards or processors.

A worker is a Ray task that runs the command as a process of its own and logs into the shared
folder. Ray's own retries are off: nodes come and go, and whether a film comes on is counted in its
folder. Should this process die, Ray ends its tasks, the workers give their films back, and the same
command goes on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from holocine_core.errors import MachineError
from holocine_core.fleet.engines.options import Setting, count, read_settings, require_package
from holocine_core.fleet.engines.process import end_worker, logs_of, start_worker

SETTINGS = {
    "gpus": Setting(count, "cards of a worker, 1"),
    "cpus": Setting(count, "processors of a worker, where it has no card"),
    "workers": Setting(count, "how many at most"),
}
ANSWERS = 5.0
"""Seconds that an address has to answer."""


class RayCluster:
    """A cluster that is there already.

    Args:
        address: ``ray://HOST:PORT`` of its client server; the cluster of this machine where empty.
        given: Settings, as ``KEY=VALUE``.
        gpus: Cards that each worker films with.

    Raises:
        InputError: A setting is none.
        MachineError: Ray is not installed, or nothing answers.
    """

    def __init__(self, address: str, given: Sequence[str], gpus: int = 1) -> None:
        self._settings = {"gpus": gpus, **read_settings("ray", given, SETTINGS)}
        require_package("ray", "ray", "cluster")
        # A worker without a card of Ray's is not to be told that there is none.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        if address:
            _answers(address)
        try:
            ray.init(
                address=address or os.environ.get("RAY_ADDRESS") or "auto",
                logging_level="ERROR",
                log_to_driver=False,
                ignore_reinit_error=True,
            )
        except (ConnectionError, RuntimeError, TimeoutError) as refused:
            raise MachineError(
                f"no Ray cluster answers: {str(refused).splitlines()[0]}",
                where=address or "ray",
                hint="`ray status` says whether one runs here; ray://HOST:10001 is another's",
            ) from refused
        self._ray = ray
        self._running: list[Any] = []
        self._ended: list[int] = []

    def require(self, words: Sequence[str], folder: Path, screenplays: Sequence[Path]) -> None:
        """Raises MachineError where a node does not see the folder or the screenplays, or has
        another holocine."""
        token = secrets.token_hex(8)
        logs_of(folder).mkdir(parents=True, exist_ok=True)
        mark = logs_of(folder) / f".seen-{token}"
        mark.write_text(token)
        try:
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
            looks = [self._look(node, mark, token, screenplays) for node in nodes]
            for node, look in zip(nodes, looks, strict=True):
                try:
                    wrong = self._ray.get(look)
                except self._ray.exceptions.RayError as lost:
                    wrong = f"it does not answer, or has no holocine ({type(lost).__name__})"
                if wrong:
                    raise MachineError(
                        f"the node {node['NodeManagerHostname']} can not film: {wrong}",
                        where=str(folder),
                        hint="screenplays, films and models lie in a folder that all nodes see "
                        "under the same name, and all nodes have the same holocine",
                    )
        finally:
            mark.unlink(missing_ok=True)

    def _look(self, node: Mapping[str, Any], mark: Path, token: str, paths: Sequence[Path]) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        look = self._ray.remote(num_cpus=0, max_retries=0)(look_around)
        return look.options(scheduling_strategy=there).remote(
            str(mark),
            token,
            [str(path.absolute()) for path in paths],
            version("holocine"),
            str(Path.cwd()),
        )

    def tend(self, wanted: int, words: Sequence[str], folder: Path) -> int:
        """Start workers until as many run as are wanted and the cluster has room for now."""
        ready, self._running = (
            self._ray.wait(self._running, num_returns=len(self._running), timeout=0)
            if self._running
            else ([], [])
        )
        for one in ready:
            try:
                self._ended.append(int(self._ray.get(one)))
            except self._ray.exceptions.RayError:
                self._ended.append(-1)  # Its node is gone, or its process: the folder tells.
        while len(self._running) < min(wanted, self._slots()):
            task = self._ray.remote(max_retries=0, **self._asks())(work)
            self._running.append(
                task.options(scheduling_strategy="SPREAD").remote(
                    list(words), str(Path.cwd()), str(logs_of(folder))
                )
            )
        return len(self._running)

    def _asks(self) -> dict[str, Any]:
        """What a worker takes of a node."""
        if self._has_cards():
            return {"num_gpus": self._settings.get("gpus", 1), "num_cpus": 1}
        return {"num_cpus": self._settings.get("cpus", 1)}

    def _has_cards(self) -> bool:
        return "cpus" not in self._settings and self._ray.cluster_resources().get("GPU", 0) > 0

    def _slots(self) -> int:
        asks = self._asks()
        name, each = ("GPU", asks["num_gpus"]) if "num_gpus" in asks else ("CPU", asks["num_cpus"])
        room = sum(
            int(node["Resources"].get(name, 0) // each)
            for node in self._ray.nodes()
            if node["Alive"]
        )
        return int(min(room, self._settings.get("workers", room)))

    def ended(self) -> list[int]:
        """Exit codes of workers that ended since the last call; -1 of those that were lost."""
        told, self._ended = self._ended, []
        return told

    def stop(self) -> None:
        """Ask all workers to end, and wait for them."""
        for one in self._running:
            self._ray.cancel(one, force=False)
        for one in self._running:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.get(one)
        self._running = []
        self._ray.shutdown()


def work(words: list[str], at: str, logs: str) -> int:
    """One worker, in a task of Ray's; its exit code."""
    worker = start_worker(words, Path(at), Path(logs))
    try:
        return worker.wait()
    except BaseException:  # Cancelled: Ray interrupts the task.
        end_worker(worker)
        raise


def look_around(mark: str, token: str, screenplays: list[str], wanted: str, at: str = ".") -> str:
    """What keeps a node from filming, in words; empty where nothing does."""
    with contextlib.suppress(OSError):
        if Path(mark).read_text() == token:
            missing = [path for path in screenplays if not Path(path).is_file()]
            missing += [] if Path(at).is_dir() else [at]
            found = version("holocine")
            if missing:
                return f"it does not see {missing[0]}"
            return "" if found == wanted else f"it has holocine {found}, this machine {wanted}"
    return f"it does not see {Path(mark).parents[2]}"


def _answers(address: str) -> None:
    """Raises MachineError where nothing listens at an address; Ray would try for a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWERS):
            return
    except (OSError, ValueError, OverflowError) as refused:
        raise MachineError(
            f"nothing answers at {address}: {refused}",
            where=address,
            hint="such as ray://head-node:10001",
        ) from refused
