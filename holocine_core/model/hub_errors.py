"""What the hub answers in place of what it was asked for, as errors with the next step. No torch
here.

Two kinds: those that may pass by themselves (:class:`Passing`: a lost line, a hub with too many
callers) and those for which somebody has to do something.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from holocine_core.errors import MachineError

BY_HAND = "or copy the files there by hand: `holocine models list` shows where"
AGAIN = "run the same command again: what is here is kept"


class Passing(MachineError):
    """A failure that may pass by itself.

    Attributes:
        wait: Seconds after which the hub wants to be asked again; None where it does not say.
        lost: Whether the line was lost, not the hub's patience.
    """

    wait: float | None = None
    lost = False


class RevisionGone(MachineError):
    """The hub does not have this commit of a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of which hub: what every message names."""

    endpoint: str
    repo: str
    file: str = ""
    """Its path, where a file was asked for."""
    token: bool = False
    """Whether a token was sent."""
    other: str = ""
    """The host that failed, where the hub had handed on to another."""

    @property
    def hub(self) -> str:
        return urlsplit(self.endpoint).netloc.rpartition("@")[2] or self.endpoint

    @property
    def host(self) -> str:
        return self.other or self.hub

    @property
    def site(self) -> str:
        """The hub's address, without a password."""
        return shown(self.endpoint)

    @property
    def page(self) -> str:
        return f"{self.site}/{self.repo}"

    @property
    def what(self) -> str:
        return f"{self.file} of {self.repo}" if self.file else self.repo

    @property
    def is_mirror(self) -> bool:
        return self.hub != "huggingface.co"


def refuse(response: Any, asked: Asked) -> None:
    """Raises what an answer's status stands for, where it is no success.

    Raises:
        Passing: Too many callers, or a fault inside the hub.
        RevisionGone: It has no such commit.
        MachineError: Any other refusal.
    """
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if status < 400:
        return
    if code == "GatedRepo":
        raise _gated(asked)
    if status == 429:
        raise _too_many(response, asked)
    if status == 511:  # What a network's login page should say of itself.
        raise web_page(response, asked)
    if status == 408 or status >= 500:
        busy = Passing(
            f"{asked.host} has a fault of its own: it answers {status} for {asked.what}",
            where=asked.page,
            hint=f"wait a few minutes and {AGAIN}",
        )
        busy.wait = _retry_after(response.headers)
        raise busy
    raise _refusal(status, code, asked)


def _refusal(status: int, code: str, asked: Asked) -> MachineError:
    if status == 416:
        return another_file(asked, "it ends earlier")
    if status == 401:
        return _unknown_to_it(asked)
    if code == "RevisionNotFound":
        return RevisionGone(
            f"{asked.host} does not know this commit of {asked.repo}: it is gone",
            where=asked.page,
            hint="holocine may be too old for it: update holocine",
        )
    if status == 403:
        rights = (
            "the token may have too few rights: make one with read access to gated repositories"
        )
        return MachineError(
            f"{asked.host} refuses {asked.what} (403)",
            where=asked.page,
            hint=f"{rights}, and run `hf auth login`"
            if asked.token
            else "open that page in a browser: a firewall, a proxy or the hub is against "
            f"it; or run `hf auth login`, {BY_HAND}",
        )
    if status == 407:
        return wants_a_name(asked)
    if status in (404, 410):
        return MachineError(
            f"{asked.host} does not know {asked.what}",
            where=asked.page,
            hint="holocine may be too old for it: update holocine"
            + (", or unset HF_ENDPOINT: a mirror may lack it" if asked.is_mirror else ""),
        )
    return MachineError(
        f"{asked.host} answers {status} for {asked.what}",
        where=asked.page,
        hint=f"open that page in a browser and see what it says, {BY_HAND}",
    )


def not_a_page(response: Any, asked: Asked) -> None:
    """Raises MachineError where a web page came in place of a file or a list: a network's login."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml") and not asked.file.endswith(".html"):
        raise web_page(response, asked)


def web_page(response: Any, asked: Asked) -> MachineError:
    """What is said where an answer is no file and no list."""
    by = response.url.host
    return page_from(asked, "" if by == urlsplit(asked.endpoint).hostname else f"from {by}")


def page_from(asked: Asked, whence: str) -> MachineError:
    return MachineError(
        f"a web page came{whence and ' '}{whence} in place of {asked.what}",
        where=asked.site,
        hint="the network may ask for a login: open a browser, log in, and run the same command "
        f"again; else look at {'HF_ENDPOINT and ' * asked.is_mirror}the proxy's settings",
    )


def another_file(asked: Asked, told: str) -> MachineError:
    """What is said where the hub offers another file than it lists."""
    return MachineError(
        f"{asked.host} offers another file as {asked.what} than it lists: {told}",
        where=asked.page,
        hint="a mirror or a proxy may hold a former one: unset HF_ENDPOINT, or try again later"
        if asked.is_mirror
        else "a proxy may hold a former one: try again later, or without it",
    )


def _gated(asked: Asked) -> MachineError:
    return MachineError(
        f"{asked.repo} is open to those only who accepted its terms",
        where=asked.page,
        hint="accept them on that page"
        + (
            ", with the account that the token is of"
            if asked.token
            else ", then run `hf auth login`"
        ),
    )


def _unknown_to_it(asked: Asked) -> MachineError:
    if not asked.token:
        return MachineError(
            f"{asked.host} shows {asked.repo} to those only who log in, or has none of that name "
            "(401)",
            where=asked.page,
            hint="run `hf auth login`, or set HF_TOKEN",
        )
    named = "HF_TOKEN holds" if os.environ.get("HF_TOKEN") else "`hf auth login` stored"
    return MachineError(
        f"{asked.host} does not take the token for {asked.repo} (401): it is wrong or has expired",
        where=asked.page,
        hint=f"it is the one that {named}: make a new one at {asked.site}/settings/tokens, or do "
        "without where the repository is open to all",
    )


def _too_many(response: Any, asked: Asked) -> Passing:
    wait = _retry_after(response.headers)
    when = "a few minutes" if wait is None else f"{wait:.0f} s"
    busy = Passing(
        f"{asked.host} takes no more requests for now (429)"
        + ("" if wait is None else f": it asks to wait {wait:.0f} s"),
        where=asked.page,
        hint=f"wait {when} and {AGAIN}"
        + ("" if asked.token else "; who logs in (`hf auth login`) may ask more often"),
    )
    busy.wait = wait
    return busy


def _retry_after(headers: Any) -> float | None:
    """Seconds that a hub asks to wait: a number, a date, or its own header on its limits."""
    if limit := re.search(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)", headers.get("RateLimit", "")):
        return float(limit[1]) + 1
    asked = headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    return None


def wants_a_name(asked: Asked) -> MachineError:
    return MachineError(
        f"no connection to {asked.host}{by_way(asked)}: the proxy asks for a name and a password",
        where=asked.site,
        hint="give them in HTTPS_PROXY, as in http://name:password@proxy.example:3128",
    )


def by_way(asked: Asked) -> str:
    """The proxy that a request goes by, in words; empty where by none."""
    parts = urlsplit(asked.endpoint)
    found = urllib.request.getproxies()
    if not parts.hostname or urllib.request.proxy_bypass(parts.hostname):
        return ""
    address = found.get(parts.scheme) or found.get("all")
    return f" by way of the proxy {shown(address)}" if address else ""


def shown(address: str) -> str:
    before, mark, rest = address.rpartition("@")
    return f"{before.partition('://')[0]}://{rest}" if mark and "://" in before else rest
