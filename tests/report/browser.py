"""A page in headless Chromium: loaded from disk, asked by a script of the test's own."""

from __future__ import annotations

import json
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1600,1000",
)  # fmt: skip
_BUDGETS_MS = (20_000, 100_000, 500_000)
_ASKING = """<!doctype html><iframe style="width: %dpx; height: 800px" srcdoc="%s"></iframe>
<script>addEventListener("load", async () => {
  const view = document.querySelector("iframe").contentWindow, page = view.document;
  let told;
  try { told = await (async () => { %s })(); } catch (error) { told = { error: String(error) }; }
  const out = document.createElement("pre");
  out.id = "answer";
  out.textContent = JSON.stringify(told);
  document.body.append(out);
});</script>"""


def ask(page: Path, script: str, room: Path, width: int) -> dict[str, Any]:
    """What a page answers to a script.

    Args:
        page: The page; it is left as it is.
        script: The body of an async function that knows ``page``, the document, and ``view``, its
            window, and returns something JSON holds.
        room: An empty folder.
        width: Of the page in pixels.
    """
    asking = room / "asking.html"
    text = _ASKING % (width, escape(page.read_text(encoding="utf-8"), quote=True), script)
    asking.write_text(text, encoding="utf-8")
    profile = f"--user-data-dir={room / 'profile'}"
    # Chromium prints the document once its time is over, which does not wait for a video to seek:
    # on a busy machine the answer may not stand there yet.
    for budget in _BUDGETS_MS:
        time = f"--virtual-time-budget={budget}"
        command = [str(CHROMIUM), *_QUIET, time, profile, "--dump-dom", asking.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        _, found, rest = done.stdout.rpartition('<pre id="answer">')
        if found:
            told: dict[str, Any] = json.loads(unescape(rest.split("</pre>")[0]))
            return told
    raise AssertionError(f"the page does not answer: {done.stderr[-2000:]}")
