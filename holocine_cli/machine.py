"""models and doctor: what this machine has, and what it lacks."""

from __future__ import annotations

import typer

models = typer.Typer()


def doctor(ctx: typer.Context) -> None:
    """x"""
