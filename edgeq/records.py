"""Reads TOML files into frozen dataclasses, strictly: what is unknown, missing or of another type is refused."""

import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from edgeq.errors import EdgeqError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T", bound="DataclassInstance")
_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}


def read_toml(path: Path) -> dict[str, Any]:
    """The document in a file.

    Raises:
        EdgeqError: where the file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EdgeqError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EdgeqError(f"{path}: is no TOML ({error})") from error


def read_record(cls: type[_T], table: Mapping[str, Any], where: str, **given: Any) -> _T:
    """A table as a dataclass whose fields are its keys.

    Args:
        cls: a dataclass of strings, integers, booleans, tuples of them, mappings to integers, or `None` beside these.
        table: key to value.
        where: the file, and the table in it, for messages.
        **given: fields that do not come from the table.

    Raises:
        EdgeqError: naming the key that is unknown, missing, or has a value of another type.
    """
    hints = get_type_hints(cls)
    wanted = {f.name: f for f in fields(cls) if f.name not in given}
    unknown = [key for key in table if key not in wanted]
    if unknown:
        raise EdgeqError(f"{where}: unknown key {unknown[0]!r}; accepted: {', '.join(wanted)}")
    missing = [n for n, f in wanted.items() if n not in table and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise EdgeqError(f"{where}: no {missing[0]!r}; accepted: {_accepted(hints[missing[0]])}")
    values = {key: _value(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    return cls(**values, **given)


def _value(hint: Any, value: Any, where: str) -> Any:
    hint = _without_none(hint)
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(get_args(hint)[0], v, where) for v in value)
    if get_origin(hint) is Mapping and isinstance(value, dict):
        return {k: _value(get_args(hint)[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is hint:
        return value
    raise EdgeqError(f"{where} is {value!r}; accepted: {_accepted(hint)}")


def _accepted(hint: Any) -> str:
    hint = _without_none(hint)
    if get_origin(hint) is tuple:
        return f"a list, each {_accepted(get_args(hint)[0])}"
    if get_origin(hint) is Mapping:
        return f"a table, each {_accepted(get_args(hint)[1])}"
    return _NAMES[hint]


def _without_none(hint: Any) -> Any:
    """The other type of an optional."""
    if get_origin(hint) is types.UnionType:
        return next(h for h in get_args(hint) if h is not type(None))
    return hint
