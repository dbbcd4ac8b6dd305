"""Installs holocine as README's lines say, each into an environment of its own, and films with it.

    python -m tests.install [--keep DIR]

pipx and uv are fetched from the package index. Where PyTorch's page of CPU builds can't be reached,
a page of the same form is served on this machine, with the build that pip finds by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"^    ((?:pipx|uv tool) install .+)$", re.M)
PAGE = "https://download.pytorch.org/whl/cpu/torch/"
TORCH = re.compile(r"^TORCH\s*:= (\S+)$", re.M)
FOLDERS = {
    "PIPX_HOME": "pipx",
    "PIPX_BIN_DIR": "bin",
    "PIPX_MAN_DIR": "man",
    "UV_TOOL_DIR": "uv",
    "UV_TOOL_BIN_DIR": "bin",
    "UV_CACHE_DIR": "fetched",
    "XDG_CACHE_HOME": "cache",
}
FILM = ("preview", "harbour.yaml", "-q")
MINUTES = 20


def lines_of(readme: str) -> list[str]:
    """The lines that install holocine."""
    return LINE.findall(readme)


def run(words: Sequence[str | Path], folder: Path, env: Mapping[str, str]) -> str:
    """What a command prints on stdout.

    Raises:
        SystemExit: It failed.
    """
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def cpu_page(room: Path) -> Iterator[str]:
    """Where CPU builds of torch are listed: PyTorch's page, or one of the same form."""
    try:
        with urllib.request.urlopen(PAGE, timeout=20):
            print(f"torch from {PAGE}")
        yield PAGE
        return
    except (urllib.error.URLError, TimeoutError):
        pass
    site = room / "site"
    wanted = TORCH.findall((ROOT / "Makefile").read_text(encoding="utf-8"))[0]
    wheels = site / "whl" / "cpu"
    fetch = ("pip", "download", "-q", "--no-deps", "-d", wheels, f"torch=={wanted}+cpu")
    run((sys.executable, "-m", *fetch), room, os.environ)
    (wheel,) = wheels.glob("*.whl")
    (wheels / "torch").mkdir()
    link = f'<a href="/whl/cpu/{wheel.name.replace("+", "%2B")}">{wheel.name}</a><br/>'
    (wheels / "torch" / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{PAGE} can't be reached: {wheel.name} from a page of the same form")
        yield f"http://127.0.0.1:{server.server_port}/whl/cpu/torch/"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def environment(room: Path, tool: str) -> dict[str, str]:
    """One in which a tool keeps everything below ``room``, and pip is as nobody has set it up."""
    kept = {name: text for name, text in os.environ.items() if name != "PIP_FIND_LINKS"}
    kept["PIP_CONFIG_FILE"] = os.devnull
    kept |= {name: str(room / folder) for name, folder in FOLDERS.items()}
    kept["PATH"] = f"{room / 'tool' / 'bin'}:{kept['PATH']}"
    run((sys.executable, "-m", "venv", room / "tool"), room, os.environ)
    run((room / "tool" / "bin" / "pip", "install", "-q", tool), room, os.environ)
    return kept


def tried(line: str, page: str, room: Path) -> str:
    """Install by a line and film from an empty folder; what was seen.

    Raises:
        SystemExit: Something failed, or another torch came than the CPU's.
    """
    room.mkdir()
    words = shlex.split(line.replace(PAGE, page))
    env = environment(room, words[0])
    run((room / "tool" / "bin" / words[0], *words[1:]), ROOT, env)
    program, empty = room / "bin" / "holocine", room / "empty"
    empty.mkdir()
    python = program.resolve().with_name("python")
    torch = run((python, "-c", "import torch; print(torch.__version__)"), empty, env).strip()
    if not torch.endswith("+cpu"):
        raise SystemExit(f"{line}\ntorch {torch} came, not the CPU's")
    run((program, "new", "harbour", "--template", "chase"), empty, env)
    film = run((program, *FILM), empty, env).strip()
    if not (empty / film).stat().st_size:
        raise SystemExit(f"{line}\nno film was made")
    doctor = json.loads(run((program, "doctor", "--json"), empty, env))
    if doctor["exit_code"]:
        raise SystemExit(f"{line}\ndoctor: {doctor}")
    run((program, "train", "nano-quick", "--dry-run"), empty, env)
    return f"torch {torch}; new, preview, doctor and train nano-quick --dry-run went through"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="work here, and leave it")
    keep = parser.parse_args().keep
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    with contextlib.ExitStack() as open_until:
        room = keep or Path(open_until.enter_context(tempfile.TemporaryDirectory(prefix="holo-")))
        room.mkdir(parents=True, exist_ok=True)
        page = open_until.enter_context(cpu_page(room.resolve()))
        for number, line in enumerate(lines_of(readme), start=1):
            print(line, flush=True)
            print(f"  {tried(line, page, room.resolve() / str(number))}", flush=True)


if __name__ == "__main__":
    main()
