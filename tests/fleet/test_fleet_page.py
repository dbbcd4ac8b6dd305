"""docs/fleet.md: every command and every file of it is one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from holocine_cli.commands import app

PAGE = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def commands() -> list[str]:
    found = re.findall(r"(?:^ {4,}|exec |`)(holocine (?:render|status|plan) [^`#\n]*)", PAGE, re.M)
    return [one.strip() for one in found if "FILE|" not in one and "FOLDER" not in one]


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_commands_parse(command: str) -> None:
    root = typer.main.get_command(app)
    words = [word.strip("'") for word in command.split()[1:]]
    context: Any = root.make_context("holocine", list(words), resilient_parsing=True)
    at: Any = root.commands[words[0]]  # type: ignore[attr-defined]
    at.make_context(words[0], words[1:], parent=context)


def test_there_are_commands() -> None:
    assert len(commands()) >= 6


def test_the_batch_script_is_one(tmp_path: Path) -> None:
    (script,) = blocks("sh")
    path = tmp_path / "films.sh"
    path.write_text(script)
    subprocess.run(["sh", "-n", str(path)], check=True)
    options = re.findall(r"^#SBATCH --([a-z-]+)", script, re.M)
    assert {"array", "gres", "time", "signal", "requeue"} <= set(options)
    assert script.index("#SBATCH") < script.index("cd "), "Slurm reads them before any command"


def test_the_manifests_are_what_they_say() -> None:
    job, task = (yaml.safe_load(block) for block in blocks("yaml"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] in ("OnFailure", "Never"), "a Job takes no other"
    (container,) = pod["containers"]
    assert container["command"][:2] == ["holocine", "render"]
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert set(mounted) == {one["name"] for one in pod["volumes"]}
    assert container["workingDir"] in mounted.values()
    assert {"name", "resources", "file_mounts", "setup", "run"} <= set(task)
    (mount,) = task["file_mounts"]
    assert f"cd {mount}\n" in task["run"]
    assert task["resources"]["use_spot"] is True
