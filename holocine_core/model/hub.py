"""The door to the hub: what a model's files are fetched from. No torch here.

huggingface_hub brings the connection, the token, addresses and offline mode. Its own download
begins a file anew with every call (2.4 takes a new name for each try, and removes it), empties what
it has where a web page comes in its place, and waits without limit where the hub has too many
callers: bytes are asked for here, by ranges.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from holocine_core.errors import MachineError
from holocine_core.events import Emit, ignore
from holocine_core.model.connection import connecting, http_library, lost_line, no_address, session
from holocine_core.model.hub_errors import (
    Asked,
    Passing,
    another_file,
    not_a_page,
    refuse,
    web_page,
)
from holocine_core.model.patience import WAITS_S, Patience
from holocine_core.store.files import parse_json

_PIECE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a repository, as the hub lists it."""

    path: str
    size: int
    sha256: str | None = None
    """Of large files."""
    git_sha1: str | None = None
    """Git's blob hash, of small ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """A file's bytes on their way."""

    start: int
    """Where in the file they begin: 0 where the hub does not go on inside a file."""
    chunks: Iterator[bytes]
    """Raises Passing where the line is lost."""


class Hub(Protocol):
    """Where model files come from. Every method raises MachineError where it can not answer."""

    def resolve(self, repo: str, revision: str | None) -> str:
        """The full commit of ``revision``, or of the newest one."""

    def files(self, repo: str, revision: str) -> tuple[HubFile, ...]:
        """Every file of the repository at that commit."""

    def open(
        self, repo: str, revision: str, file: HubFile, start: int
    ) -> AbstractContextManager[Arriving]:
        """A file's bytes from ``start`` on, which is less than its size."""


class HuggingFaceHub:
    """huggingface.co, or the mirror that HF_ENDPOINT names; tokens as `hf auth login` stores them.

    Args:
        endpoint: Its address; what HF_ENDPOINT says where None.
        emit: Told where the hub asks to wait.
    """

    def __init__(self, endpoint: str | None = None, emit: Emit = ignore) -> None:
        self._endpoint = endpoint
        self._emit = emit

    def resolve(self, repo: str, revision: str | None) -> str:
        asked = self._asked(repo)
        at = f"/revision/{quote(revision, safe='')}" if revision else ""
        told, _ = self._listed(f"{asked.endpoint}/api/models/{repo}{at}", asked)
        commit = told.get("sha") if isinstance(told, dict) else None
        if not isinstance(commit, str) or not commit:
            raise MachineError(
                f"{asked.host} names no commit of {repo}",
                where=asked.page,
                hint="it is no hub as huggingface.co is: unset HF_ENDPOINT, or try again later",
            )
        return commit

    def files(self, repo: str, revision: str) -> tuple[HubFile, ...]:
        asked = self._asked(repo)
        page = f"{asked.endpoint}/api/models/{repo}/tree/{quote(revision, safe='')}?recursive=true"
        found: list[HubFile] = []
        while page:
            listed, page = self._listed(page, asked)
            try:
                found += [_hub_file(one) for one in listed if one["type"] == "file"]
            except (KeyError, TypeError, ValueError, AttributeError) as strange:
                raise MachineError(
                    f"the list of files that {asked.host} gives of {repo} can not be read",
                    where=asked.page,
                    hint="a mirror may be too old: unset HF_ENDPOINT; or update holocine",
                ) from strange
        return tuple(found)

    @contextmanager
    def open(self, repo: str, revision: str, file: HubFile, start: int) -> Iterator[Arriving]:
        if stored := _stored(repo, revision, file):
            yield Arriving(start=start, chunks=_read(stored, start))
            return
        asked = self._asked(repo, file.path)
        at = f"{quote(revision, safe='')}/{quote(file.path)}"
        address = f"{asked.endpoint}/{repo}/resolve/{at}"
        # A packed answer has no ranges.
        more = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with self._answer(address, asked, more) as answer:
            begins = _begins(answer, file, asked, start)
            yield Arriving(start=begins, chunks=_chunks(answer, asked))

    def _asked(self, repo: str, file: str = "") -> Asked:
        from huggingface_hub import constants

        endpoint = (self._endpoint or constants.ENDPOINT).rstrip("/")
        try:
            parts = urlsplit(endpoint)
            known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise no_address(endpoint)
        return Asked(endpoint=endpoint, repo=repo, file=file, token="authorization" in _headers())

    def _listed(self, address: str, asked: Asked) -> tuple[Any, str]:
        """What a JSON answer says, and the address of what follows it."""
        patience = Patience(self._emit, WAITS_S[:4])
        while True:
            try:
                with self._answer(address, asked) as answer, connecting(asked):
                    answer.read()
                break
            except Passing as busy:
                if busy.lost:  # Whoever has no line is told at once.
                    raise
                patience.wait(busy)
        try:
            told = parse_json(answer.content)
        except ValueError as strange:
            raise web_page(answer, asked) from strange
        follows = answer.links.get("next", {}).get("url", "")
        if follows:  # A mirror may hand on the address that it has the list from.
            parts = urlsplit(follows)
            follows = f"{asked.endpoint}{parts.path}?{parts.query}"
        return told, follows

    @contextmanager
    def _answer(
        self, address: str, asked: Asked, headers: dict[str, str] | None = None
    ) -> Iterator[Any]:
        """The answer to a request, its body still on its way."""
        from huggingface_hub import constants

        client = session()
        with connecting(asked):
            opened = client.stream(
                "GET",
                address,
                headers={**_headers(), **(headers or {})},
                timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
                follow_redirects=True,
            )
            answer = opened.__enter__()
        try:
            refuse(answer, asked)
            not_a_page(answer, asked)
            yield answer
        finally:
            with suppress(http_library().HTTPError, OSError):
                opened.__exit__(None, None, None)


def _headers() -> dict[str, str]:
    from huggingface_hub.utils import build_hf_headers

    headers: dict[str, str] = build_hf_headers(library_name="holocine")
    return headers


def _hub_file(entry: dict[str, Any]) -> HubFile:
    """Raises ValueError where the name leads out of the folder that the file is to lie in."""
    lfs, path = entry.get("lfs"), PurePosixPath(entry["path"])
    if ".." in path.parts or path.is_absolute() or {"\\", ":", "\0"} & set(entry["path"]):
        raise ValueError(path)
    return HubFile(
        path=entry["path"],
        size=int(entry["size"]),
        sha256=(lfs.get("oid") or lfs["sha256"]) if lfs else None,
        git_sha1=None if lfs else entry["oid"],
    )


def _stored(repo: str, revision: str, file: HubFile) -> Path | None:
    """A file in huggingface_hub's own cache, where another program has fetched it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, file.path, revision=revision)
    path = Path(found) if isinstance(found, str) else None
    with suppress(OSError):
        return path if path and path.stat().st_size == file.size else None
    return None


def _read(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as stored:
        stored.seek(start)
        while piece := stored.read(_PIECE):
            yield piece


def _begins(answer: Any, file: HubFile, asked: Asked, start: int) -> int:
    """Where in the file an answer's bytes begin.

    Raises:
        MachineError: They are of another file than the hub lists.
    """
    told = {name: one.headers[name] for one in (*answer.history, answer) for name in one.headers}
    etag = told.get("x-linked-etag", "").removeprefix("W/").strip('"')
    if file.sha256 and len(etag) == 64 and etag != file.sha256:
        raise another_file(asked, f"SHA-256 {etag[:12]}, not {file.sha256[:12]}")
    whole = answer.headers.get("Content-Length", "")
    begins = 0
    if answer.status_code == 206:
        span, _, whole = answer.headers.get("Content-Range", "").partition("/")
        first = span.removeprefix("bytes").strip().partition("-")[0]
        begins = int(first) if first.isdigit() else start
        if begins != start:
            raise another_file(asked, f"bytes from {begins} on, not from {start}")
    elif answer.headers.get("Content-Encoding", "identity") != "identity":
        whole = ""
    if whole.isdigit() and int(whole) != file.size:
        raise another_file(asked, f"{int(whole):,} bytes, not {file.size:,}")
    return begins


def _chunks(answer: Any, asked: Asked) -> Iterator[bytes]:
    http = http_library()
    try:
        yield from answer.iter_bytes()
    except (http.HTTPError, OSError) as lost:
        raise lost_line(lost, asked) from lost
