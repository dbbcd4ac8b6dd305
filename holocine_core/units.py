"""Numbers in words: bytes, times, counts."""

from __future__ import annotations

_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z")


def scaled(value: float, unit: str) -> str:
    """``3.1 TFLOP`` of 3.1e12 and ``FLOP``."""
    power = 0
    while value >= 999.5 and power < len(_PREFIXES) - 1:
        value /= 1000
        power += 1
    digits = 0 if value >= 99.5 or power == 0 else 1
    return f"{value:.{digits}f} {_PREFIXES[power]}{unit}"


def memory(count: float) -> str:
    """Bytes in binary units: ``1.2 GiB``, ``310 MiB``."""
    mib = count / 2**20
    if mib < 999.5:
        return f"{mib:.1f} MiB" if mib < 9.95 else f"{mib:.0f} MiB"
    gib = mib / 1024
    return f"{gib:.1f} GiB" if gib < 99.5 else f"{gib:.0f} GiB"


def file_size(count: float) -> str:
    """Bytes in decimal units, as downloads are counted: ``57 GB``."""
    return scaled(count, "B")


def clock(seconds: float) -> str:
    """``0:08`` or ``1:02:03``, to whole seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """A measured time: ``0.42 s``, ``12.3 s`` or ``3:05``."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    return clock(seconds)


def counted(number: int, noun: str) -> str:
    """``1 shot``, ``3 shots``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
