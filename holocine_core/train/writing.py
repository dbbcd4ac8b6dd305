"""A checkpoint of one process: one file, written beside training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Thread

from torch import Tensor

from holocine_core.store.files import atomic
from holocine_core.store.tensors import with_sum, write_tensors
from holocine_core.store.vault import disk_errors


class Writing:
    """A checkpoint that is being written.

    Args:
        tensors: What to keep; copied at once, since training goes on changing them.
        path: The file.
        metadata: What it says of itself.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]
    ) -> None:
        self._path = path
        self._copied = {name: t.detach().to("cpu", copy=True) for name, t in tensors.items()}
        self._metadata = metadata
        self._failed: BaseException | None = None
        # Whoever ends the process waits for it.
        self._thread = Thread(target=self._write, name="checkpoint")
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether nothing is waited for any more."""
        return not self._thread.is_alive()

    def settle(self) -> Path:
        """Wait until it has its name.

        Raises:
            MachineError: The disk is full, or the folder can't be written.
        """
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._path

    def _write(self) -> None:
        try:
            with disk_errors("keep a checkpoint", self._path), atomic(self._path) as part:
                write_tensors(part, self._copied, with_sum(self._copied, self._metadata))
        except BaseException as failed:
            self._failed = failed
        self._copied = {}
