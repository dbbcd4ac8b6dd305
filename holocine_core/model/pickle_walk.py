"""What a torch file's pickle would build, followed opcode by opcode: nothing is imported or called.

``pickletools`` takes the stream apart; the few things that a list of weights is made of (dicts,
lists, numbers, texts, and calls of torch's own functions that put a tensor together) stand here as
plain values. All else is told by its name and refused, as ``torch.load(weights_only=True)`` does.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "UntypedStorage": "U8",
    "ComplexFloatStorage": "C64",
}
"""torch's classes of storages -> the types of their numbers."""
DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
}
_REBUILT = {f"torch._utils._rebuild_tensor{version}" for version in ("", "_v2", "_v3")}
_PARAMETERS = {f"torch._utils._rebuild_parameter{end}" for end in ("", "_with_state")}
_DICT = "collections.OrderedDict"
_ENCODE = "_codecs.encode"
_PLAIN = {"torch.Size", "torch.device", "builtins.set", "builtins.bytearray", "builtins.complex"}
"""What torch.load takes as well, and no weight is made of."""
_MARK = object()
_LINE = 2**16
"""Most bytes of a line: names of functions are written as lines."""


class RunsCode(ValueError):
    """The pickle would call something that is no part of torch's lists of weights."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function as the pickle names it."""

    path: str


@dataclass(frozen=True, slots=True)
class Storage:
    """Where numbers lie: a record of the file."""

    key: str
    dtype: str
    count: int
    """Numbers of its type; bytes where the type is the tensor's to say."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as it would be put together."""

    storage: Storage
    dtype: str
    offset: int
    """Of its first number in the storage."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def walked(file: BinaryIO) -> Any:
    """What one pickle builds; the file stands behind it then.

    Raises:
        RunsCode: It would run something.
        ValueError: It is damaged.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(_Bounded(file)):  # type: ignore[arg-type]
            if machine.done(opcode.name, argument):
                break
        return machine.result()
    except RunsCode:
        raise
    except (LookupError, TypeError, AttributeError, RecursionError, AssertionError) as broken:
        raise ValueError(f"its list of weights makes no sense ({type(broken).__name__})") from None


class _Bounded:
    """A file of which no more is asked than it has: a length that lies would take the memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        at = file.tell()
        self._end = file.seek(0, io.SEEK_END)
        file.seek(at)
        self.tell = file.tell

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, self._end - self._file.tell()))

    def readline(self) -> bytes:
        return self._file.readline(_LINE)


class _Machine:
    """The stack and the memo of an unpickler."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def result(self) -> Any:
        (value,) = self._stack
        return value

    def done(self, name: str, argument: Any) -> bool:
        """Follow one opcode; True at the end."""
        if name == "STOP":
            if len(self._stack) != 1:
                raise ValueError("its list of weights ends too early")
            return True
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _ARGUMENTS:
            self._stack.append(argument)
        else:
            step = getattr(self, f"_{name.lower()}", None)
            if step is None:
                raise RunsCode(f"the opcode {name}")
            step(argument)
        return False

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("its list of weights makes no sense (a mark too many)")
        return value

    def _marked(self) -> list[Any]:
        """Everything above the last mark."""
        at = len(self._stack) - 1 - self._stack[::-1].index(_MARK)
        above = self._stack[at + 1 :]
        del self._stack[at:]
        return above

    def _proto(self, version: int) -> None: ...

    def _frame(self, length: int) -> None: ...

    def _mark(self, _: None) -> None:
        self._stack.append(_MARK)

    def _binput(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    _long_binput = _put = _binput

    def _memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _binget(self, number: int) -> None:
        self._stack.append(self._memo[number])

    _long_binget = _get = _binget

    def _global(self, path: str) -> None:
        self._stack.append(Name(path.replace(" ", ".", 1)))

    def _stack_global(self, _: None) -> None:
        name, module = self._pop(), self._pop()
        self._stack.append(Name(f"{module}.{name}"))

    def _tuple(self, _: None) -> None:
        self._stack.append(tuple(self._marked()))

    def _tuple1(self, _: None) -> None:
        self._stack[-1:] = [(self._stack[-1],)]

    def _tuple2(self, _: None) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _tuple3(self, _: None) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _append(self, _: None) -> None:
        value = self._pop()
        self._stack[-1].append(value)

    def _appends(self, _: None) -> None:
        values = self._marked()
        self._stack[-1].extend(values)

    def _setitem(self, _: None) -> None:
        value, key = self._pop(), self._pop()
        self._stack[-1][key] = value

    def _setitems(self, _: None) -> None:
        values = self._marked()
        self._stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def _binpersid(self, _: None) -> None:
        told = self._pop()
        kind, storage, key, _place, count = told[:5]
        path = storage.path if isinstance(storage, Name) else ""
        dtype = STORAGES.get(path.rpartition(".")[2])
        if kind != "storage" or dtype is None:
            raise RunsCode(path or str(kind))
        self._stack.append(Storage(str(key), dtype, _count(count)))

    def _newobj(self, _: None) -> None:
        self._reduce(None)

    def _reduce(self, _: None) -> None:
        arguments, called = self._pop(), self._pop()
        self._stack.append(_called(called, arguments))

    def _build(self, _: None) -> None:
        self._pop()
        if not isinstance(self._stack[-1], dict | Tensor):
            raise RunsCode(_named(self._stack[-1]))


_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
}
_ARGUMENTS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "BINFLOAT", "FLOAT",
     "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINBYTES", "SHORT_BINBYTES",
     "BINBYTES8", "BINSTRING", "SHORT_BINSTRING", "STRING"}
)  # fmt: skip


def _called(called: Any, arguments: Any) -> Any:
    """What a call would give, where it is one of torch's own for weights."""
    path = _named(called)
    if path == _DICT:
        return dict(_pairs(arguments))
    if path in _REBUILT:
        return _tensor(path, *arguments)
    if path in _PARAMETERS and isinstance(arguments[0], Tensor):
        return arguments[0]
    if path == _ENCODE and isinstance(arguments[0], str):
        return arguments[0]
    if path in _PLAIN:
        return tuple(arguments)
    raise RunsCode(path)


def _pairs(arguments: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    given = list(arguments)
    return [(key, value) for key, value in given[0]] if given else []


def _tensor(path: str, storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise RunsCode(path)
    dtype = storage.dtype
    if path.endswith("_v3"):
        dtype = DTYPES[_named(rest[2]).rpartition(".")[2]]
    sizes, steps = tuple(map(_count, shape)), tuple(map(_count, strides))
    if len(sizes) != len(steps):
        raise ValueError("a tensor's shape and strides do not agree")
    return Tensor(storage, dtype, _count(offset), sizes, steps)


def _count(told: Any) -> int:
    if type(told) is not int or told < 0:
        raise ValueError(f"{told!r:.40} can't be a tensor's size")
    return told


def _named(called: Any) -> str:
    return called.path if isinstance(called, Name) else type(called).__name__
