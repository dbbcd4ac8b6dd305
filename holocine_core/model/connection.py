"""Why no answer comes from the hub, as errors with the next step: the line, the certificate, the
proxy, settings. No torch here."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from holocine_core.errors import MachineError
from holocine_core.model.hub_errors import (
    AGAIN,
    BY_HAND,
    Asked,
    Passing,
    by_way,
    page_from,
    shown,
    wants_a_name,
)

_OTHERS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name certificates for other programs."""


def session() -> Any:
    """The connection to the hub that the environment describes.

    Raises:
        MachineError: A proxy or a file of certificates that none can be made with.
    """
    from huggingface_hub.utils import get_session

    try:
        return get_session()
    except ImportError as lacks:
        raise _without_socks(lacks) from lacks
    except OSError as unread:
        raise _no_certificates(unread) from unread
    except (http_library().InvalidURL, ValueError) as wrong:
        raise _no_proxy(wrong) from wrong


@contextlib.contextmanager
def connecting(asked: Asked) -> Iterator[None]:
    """Whatever keeps an answer from coming, as a MachineError; the body does nothing but ask.

    Raises:
        Passing: The line was lost, or did not come about.
        MachineError: Something stands between that somebody has to mend.
    """
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

    http = http_library()
    try:
        yield
    except OfflineModeIsEnabled as offline:
        others = os.environ.get("TRANSFORMERS_OFFLINE") and not os.environ.get("HF_HUB_OFFLINE")
        name = "TRANSFORMERS_OFFLINE" if others else "HF_HUB_OFFLINE"
        raise MachineError(
            f"{asked.what} can not be fetched: {name} is set",
            where=asked.repo,
            hint=f"unset it, {BY_HAND}",
        ) from offline
    except http.LocalProtocolError:
        raise _bad_token() from None  # Its text may hold the token.
    except http.ProxyError as refused:
        raise _proxy_refuses(refused, _of(refused, asked)) from refused
    except http.TooManyRedirects as lost:
        raise page_from(asked, "without end") from lost
    except UnicodeError:
        raise _bad_token() from None
    except (http.UnsupportedProtocol, http.InvalidURL) as wrong:
        raise no_address(asked.site) from wrong
    except (HTTPError, OSError) as failed:
        raise _without_line(failed, _of(failed, asked)) from failed


def http_library() -> Any:
    """The library that huggingface_hub asks the hub with: httpx, by whatever name it has there."""
    from huggingface_hub.errors import HTTPError

    return importlib.import_module(HTTPError.__module__.partition(".")[0])


def _of(error: BaseException, asked: Asked) -> Asked:
    """What was asked, with the host that failed: the hub hands large files on to another."""
    try:
        host = error.request.url.netloc.decode("ascii", "replace")  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):  # It came without its request.
        return asked
    return asked if host == asked.hub else replace(asked, other=host)


def lost_line(error: BaseException, asked: Asked) -> Passing:
    """What is said where bytes stop coming."""
    asked = _of(error, asked)
    silent = isinstance(error, http_library().TimeoutException)
    lost = Passing(
        f"{asked.host} went silent" if silent else f"the line to {asked.host} was lost",
        where=asked.page,
        hint=f"check the connection and {AGAIN}",
    )
    lost.lost = True
    return lost


def _without_line(error: BaseException, asked: Asked) -> MachineError:
    """A connection that did not come about, or broke before an answer came."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _untrusted(cause, asked)
    for cause in chain:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return MachineError(
                f"no secure connection to {asked.host}{by_way(asked)}: {cause.reason or cause}",
                where=asked.site,
                hint="a proxy or firewall may stand between, or the proxy's own address begins "
                "with http:// and not https://",
            )
    kinds = {type(cause) for cause in chain}
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        why = "its name is not found (DNS)"
    elif ConnectionRefusedError in kinds or "refused" in str(error):
        why = "it refuses the connection"
    elif isinstance(error, http_library().TimeoutException):
        why = "it does not answer"
    else:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        why = f"the line was lost ({said})"
    mirror = "HF_ENDPOINT, " * asked.is_mirror
    handed = f"{asked.hub} hands files on to {asked.other}: let both through the firewall; "
    gone = Passing(
        f"{asked.what} can not be fetched from {asked.host}{by_way(asked)}: {why}",
        where=asked.site,
        hint=f"{handed if asked.other else ''}check the connection ({mirror}HTTPS_PROXY) and "
        f"{AGAIN}, {BY_HAND}",
    )
    gone.lost = True
    return gone


def _untrusted(error: ssl.SSLCertVerificationError, asked: Asked) -> MachineError:
    other = next((one for one in _OTHERS if os.environ.get(one)), "")
    name = "name the file with the company's certificate in SSL_CERT_FILE"
    if other and not os.environ.get("SSL_CERT_FILE"):
        name = f"set SSL_CERT_FILE={os.environ[other]} ({other} is not read)"
    return MachineError(
        f"the certificate that came for {asked.host}{by_way(asked)} is not trusted: "
        f"{error.verify_message or error.reason}",
        where=asked.site,
        hint=f"a company's proxy puts its own in place: {name}; so does a network that asks for a "
        "login: use a browser",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


# --- settings ------------------------------------------------------------------------------------


def _without_socks(lacks: ImportError) -> MachineError:
    if "socks" not in str(lacks).lower():
        raise lacks
    name, address = next(
        ((name, at) for name, at in _proxies() if at.lower().startswith("socks")),
        ("the system's settings", "a SOCKS proxy"),
    )
    return MachineError(
        f"{name}: the proxy {address} speaks SOCKS, for which the package socksio is missing",
        where=name,
        hint="pip install socksio, or give the address of an HTTP proxy in HTTPS_PROXY",
    )


def _no_certificates(unread: OSError) -> OSError | MachineError:
    name = next((one for one in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(one)), "")
    if not name:
        return unread
    return MachineError(
        f"{name} names no certificates that can be read: {unread.strerror or unread}",
        where=os.environ[name],
        hint="give the path of a PEM file with the certificates, or unset it",
    )


def _no_proxy(wrong: Exception) -> MachineError:
    """A proxy's address that is none: of several the one that the error names."""
    found = _proxies() or [("the system's settings", "")]
    name, address = next((one for one in found if one[1] and one[1] in str(wrong)), found[0])
    return MachineError(
        f"{name} is no address of a proxy: {address!r}",
        where=name,
        hint="as in http://proxy.example:3128, or unset it",
    )


def no_address(endpoint: str) -> MachineError:
    """What is said of an endpoint that is none."""
    return MachineError(
        f"HF_ENDPOINT is no address of a hub: {endpoint!r}",
        where="HF_ENDPOINT",
        hint="as in https://huggingface.co, or unset it",
    )


def _bad_token() -> MachineError:
    named = "HF_TOKEN" if os.environ.get("HF_TOKEN") else "the token that `hf auth login` stored"
    return MachineError(
        f"{named} holds characters that no token has",
        where=named,
        hint="set it again: it begins with hf_ and holds letters and digits",
    )


def _proxy_refuses(refused: BaseException, asked: Asked) -> MachineError:
    if "407" in str(refused):
        return wants_a_name(asked)
    said = str(refused).splitlines()[0] if str(refused) else "it does not say why"
    return MachineError(
        f"no connection to {asked.host}{by_way(asked)}: {said}",
        where=asked.site,
        hint="check HTTPS_PROXY, or name the hub in NO_PROXY to go without it",
    )


def _proxies() -> list[tuple[str, str]]:
    """Variables that name a proxy, and its address without name and password."""
    names = ("https_proxy", "all_proxy", "http_proxy")
    both = [name for one in names for name in (one.upper(), one)]
    return [(name, shown(os.environ[name])) for name in both if os.environ.get(name)]
