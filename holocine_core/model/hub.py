"""The door to the hub: what a model's files are fetched from. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from holocine_core.errors import MachineError

OnBytes = Callable[[int], None]
"""Called with the number of bytes that have arrived since the last call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a repository, as the hub lists it."""

    path: str
    size: int
    sha256: str | None = None
    """Of large files."""
    git_sha1: str | None = None
    """Git's blob hash, of small ones."""


class Hub(Protocol):
    """Where model files come from. Every method raises MachineError where it can not answer."""

    def resolve(self, repo: str, revision: str | None) -> str:
        """The full commit of ``revision``, or of the newest one."""

    def files(self, repo: str, revision: str) -> tuple[HubFile, ...]:
        """Every file of the repository at that commit."""

    def download(
        self, repo: str, revision: str, path: str, folder: Path, on_bytes: OnBytes
    ) -> None:
        """Fetch one file to ``folder/path``; what is there at the end is whole."""


class HuggingFaceHub:
    """huggingface.co, or the mirror that HF_ENDPOINT names; tokens as `hf auth login` stores them.

    A download that was cut off goes on where it stopped.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint

    def resolve(self, repo: str, revision: str | None) -> str:
        with _hub_errors(repo):
            commit: str | None = self._api().model_info(repo, revision=revision).sha
        if commit is None:
            raise MachineError(f"the hub names no commit of {repo}", where=repo)
        return commit

    def files(self, repo: str, revision: str) -> tuple[HubFile, ...]:
        from huggingface_hub.hf_api import RepoFile

        with _hub_errors(repo):
            listed = list(self._api().list_repo_tree(repo, recursive=True, revision=revision))
        return tuple(
            HubFile(
                path=entry.path,
                size=entry.size,
                sha256=entry.lfs.sha256 if entry.lfs else None,
                git_sha1=None if entry.lfs else entry.blob_id,
            )
            for entry in listed
            if isinstance(entry, RepoFile)
        )

    def download(
        self, repo: str, revision: str, path: str, folder: Path, on_bytes: OnBytes
    ) -> None:
        with _hub_errors(repo):
            self._api().hf_hub_download(
                repo, path, revision=revision, local_dir=folder, tqdm_class=_meter(on_bytes)
            )

    def _api(self) -> Any:
        from huggingface_hub import HfApi

        return HfApi(endpoint=self._endpoint, library_name="holocine")


def _meter(on_bytes: OnBytes) -> Any:
    """A progress bar that draws nothing and passes the bytes on."""
    from huggingface_hub.utils import tqdm

    class Meter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **{**settings, "disable": True})
            if settings.get("initial"):
                on_bytes(settings["initial"])

        def update(self, n: float | None = 1) -> None:
            on_bytes(int(n or 0))

    return Meter


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """Every way in which the hub can fail, as a MachineError with the next step."""
    from huggingface_hub import errors

    by_hand = "or copy the files there by hand: `holocine models list` shows where"
    try:
        yield
    except errors.GatedRepoError as gated:
        raise MachineError(
            f"{repo} is open to those only who accepted its terms",
            where=f"https://huggingface.co/{repo}",
            hint="accept them on that page, then run `hf auth login`",
        ) from gated
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as gone:
        raise MachineError(
            f"the hub does not know {repo}, or not at this commit",
            where=f"https://huggingface.co/{repo}",
            hint="holocine may be too old for it: update holocine",
        ) from gone
    except errors.OfflineModeIsEnabled as offline:
        raise MachineError(
            f"{repo} can not be fetched: HF_HUB_OFFLINE is set",
            where=repo,
            hint=f"unset it, {by_hand}",
        ) from offline
    except (errors.HTTPError, OSError) as failed:
        reason = str(failed).splitlines()[0] if str(failed) else type(failed).__name__
        raise MachineError(
            f"{repo} can not be fetched: {reason}",
            where=repo,
            hint=f"check the connection (and HTTPS_PROXY) and run this again, {by_hand}",
        ) from failed
