"""What people type who come from other tools: second names of options, and what was meant by words
that are none."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from holocine_cli.session import PROGRAM

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "--out": ("--output",),
    "--out-dir": ("--output-dir",),
    "-q": ("--quiet",),
    "-v": ("--verbose",),
    "--force": ("-y", "--yes"),
    "--version": ("-V",),
}
"""Option -> what is understood as well, wherever a command has it and no other of that name. They
stand in no help: the first name is the one that is taught."""
_COMMANDS: Mapping[str, str] = {
    "init": "new", "create": "new", "start": "new", "validate": "check", "lint": "check",
    "verify": "check", "dry-run": "plan", "estimate": "plan", "draft": "preview",
    "make": "render", "build": "render", "generate": "render", "run": "render",
    "resume": "render", "continue": "render", "film": "render", "stitch": "render",
    "edit": "reshoot", "redo": "reshoot", "retake": "reshoot", "add": "extend",
    "undo": "versions", "history": "versions", "info": "inspect", "show": "inspect",
    "convert": "import", "download": "models pull", "finetune": "train", "version": "--version",
}  # fmt: skip
"""What others call a command -> what it is called here."""
_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "render": (".yaml", ".yml"),
    "inspect": (".mp4", ".mov", ".mkv"),
    "import": (".fountain", ".fdx", ".csv"),
}
"""Which command a file without one is for."""
_KINDS: Mapping[str, str] = {"integer": "it is a whole number", "number": "it is a number"}
MOST_TOLD = 4
"""Commands that are named in a hint."""


def with_other_names(parser: Any) -> Any:
    """A parser that understands :data:`OTHER_NAMES`; an option's own name goes before them."""
    for name, others in OTHER_NAMES.items():
        option = _options_of(parser).get(name)
        for other in others if option is not None else ():
            known = parser._long_opt if other.startswith("--") else parser._short_opt
            known.setdefault(other, option)
    return parser


def _options_of(parser: Any) -> dict[str, Any]:
    return {**parser._short_opt, **parser._long_opt}


def known_options(context: Any) -> list[str]:
    """All names of options that a command or group takes, as its parser knows them."""
    return list(_options_of(context.command.make_parser(context)))


def asks_for_help(args: Sequence[str]) -> bool:
    """Whether ``help`` stands where a command's words do, and is no file."""
    return list(args) == ["help"] and not Path("help").exists()


# --- what was meant ------------------------------------------------------------------------------


def unknown_command_hint(context: Any, word: str, argv: Sequence[str]) -> str:
    """What a word is likely to have meant that is none of a group's commands.

    Args:
        context: The group's.
        word: As typed.
        argv: The whole call.
    """
    group, path = context.command, context.command_path
    root = context.find_root().command
    for command, endings in _BY_KIND.items():
        if group is root and Path(word).suffix.lower() in endings:
            line = _joined(command, *(each for each in argv if each != word), word)
            return f"say first what to do with it, such as: {line}"
    shown = {name: one for name, one in group.commands.items() if not one.hidden}
    near = _nearest(word, shown)
    if group is root and word in _COMMANDS:
        found = f"{PROGRAM} {_COMMANDS[word]}"
    elif near or group is not root:
        other = f"{PROGRAM} {word}" if group is not root and word in root.commands else ""
        found = f"{path} {near}" if near else other
    else:
        below = ((name, one) for name, one in root.commands.items() if _commands(one))
        found = next(
            (f"{PROGRAM} {name} {word}" for name, one in below if word in one.commands), ""
        )
    return f"did you mean `{found}`? {path} --help lists all" if found else f"{path} --help"


def unknown_option_hint(context: Any, option: str, argv: Sequence[str]) -> str:
    """What an option is likely to have meant that a command does not take.

    Args:
        context: The command's.
        option: As typed, without its value.
        argv: The whole call.
    """
    help_line = f"{context.command_path} --help"
    typed = _typed(option, argv)
    return (
        _moved_behind(context, option, argv)
        or _moved_before(context, option, argv)
        or _under_another_name(context, typed)
        or _in_screenplay(context, typed, very=True)
        or _elsewhere(context, typed)
        or _in_screenplay(context, typed, very=False)
        or _near_option(context, typed, help_line)
        or help_line
    )


def plain_message(message: str) -> str:
    """What the library says of a wrong value, as one sentence without its own terms."""
    said = " ".join(message.split()).rstrip(".").replace("Value error, ", "")
    for kind, words in _KINDS.items():
        said = re.sub(rf"Input should be a valid {kind}\b.*", words, said)
    return said


def near_choice(message: str) -> str:
    """The word that was meant, where a value is none of a few words; empty where none is near."""
    found = re.search(r"'([^']*)' is not one of ('.*')", message)
    near = _nearest(found[1], re.findall(r"'([^']*)'", found[2])) if found else ""
    return f"did you mean {near}?" if near else ""


def _typed(option: str, argv: Sequence[str]) -> str:
    """A long option that was typed with one dash, which is read letter by letter; as it is where
    that is none."""
    if option.startswith("--"):
        return option
    whole = (word.partition("=")[0] for word in argv if len(word) > 2 and word[0] == "-")
    return next((f"-{word}" for word in whole if word[1] != "-" and option[1] in word), option)


def _moved_behind(context: Any, option: str, argv: Sequence[str]) -> str:
    """The call with options that stand before a command behind it, where they are that command's
    or nearly so."""
    commands = _commands(context.command)
    if not commands:
        return ""
    start = 0 if context.parent is None else list(argv).index(context.info_name) + 1
    at = next((i for i in range(start, len(argv)) if argv[i] in commands), None)
    if at is None:
        return ""
    command = commands[argv[at]]
    inside = known_options(
        command.make_context(argv[at], [], parent=context, resilient_parsing=True)
    )
    meant = option if option in inside else _near_name(option, inside)
    if not meant:
        return ""
    own = [word for word in argv[start:at] if word in known_options(context)]
    moved = [word for word in argv[start:at] if word not in own]
    moved = [meant + word.removeprefix(option) if _is(word, option) else word for word in moved]
    line = _joined(*argv[:start], *own, *argv[at:], *moved)
    return f"options stand behind their command: {line}"


def _is(word: str, option: str) -> bool:
    return word.partition("=")[0] == option


def _moved_before(context: Any, option: str, argv: Sequence[str]) -> str:
    """The call with an option of the program's own before the command."""
    root = context.find_root()
    if context is root or option not in known_options(root):
        return ""
    rest = [word for word in argv if word != option]
    if option in ("--version", "-V"):
        rest = []
    return f"it stands before the command: {_joined(option, *rest)}"


def _in_screenplay(context: Any, option: str, *, very: bool) -> str:
    """That a screenplay says it, where a command films one: under that very key, or another."""
    commands = context.find_root().command.commands.values()
    others = [each for one in commands if _films(one) for each in one.params]
    if not _films(context.command) or any(option in each.opts for each in others):
        return ""
    from holocine_core.api import screenplay_key

    key, same = screenplay_key(option.removeprefix("--"))
    if not key or same is not very:
        return ""
    if f"--{key}" in known_options(context):
        return f"did you mean --{key}?"
    return f"it is written in the screenplay: `{key}: ...`"


def _films(command: Any) -> bool:
    return any(one.name in ("screenplay", "screenplays") for one in command.params)


def _under_another_name(context: Any, option: str) -> str:
    """The option that others are called like elsewhere: `--force` where there is only `--yes`."""
    known = known_options(context)
    alike = (each for each in OTHER_NAMES.get(option, ()) if each in known)
    return next((f"did you mean {each}?" for each in alike if each.startswith("--")), "")


def _near_option(context: Any, option: str, help_line: str) -> str:
    near = _near_name(option, known_options(context))
    return f"did you mean {near}? {help_line} lists all" if near else ""


def _elsewhere(context: Any, option: str) -> str:
    """Which commands take an option that this one doesn't."""
    if option in known_options(context):  # Typed with one dash too few.
        return ""
    root, path = context.find_root(), context.command_path
    own = next((name for name, others in OTHER_NAMES.items() if option in others), option)
    having = [
        f"`{name}`"
        for name, one in root.command.commands.items()
        if not one.hidden and any(own in each.opts for each in one.params)
    ]
    if not having:
        return ""
    if _commands(context.command):
        return f"options stand behind a command; {path} --help lists those"
    told = having if len(having) <= MOST_TOLD else [*having[: MOST_TOLD - 1], "others"]
    return f"{' and '.join(filter(None, (', '.join(told[:-1]), told[-1])))} {_take(told)} it"


def _take(names: Sequence[str]) -> str:
    return "takes" if len(names) == 1 else "take"


def _near_name(option: str, known: Sequence[str]) -> str:
    """The long option that one is most like; their dashes tell nothing."""
    bare = [name.removeprefix("--") for name in known if name.startswith("--")]
    near = _nearest(option.lstrip("-"), bare)
    return f"--{near}" if near else ""


def _nearest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1, cutoff=0.7)
    return near[0] if near else ""


def _commands(command: Any) -> Mapping[str, Any]:
    return getattr(command, "commands", {})


def _joined(*words: str) -> str:
    return shlex.join([PROGRAM, *words])
