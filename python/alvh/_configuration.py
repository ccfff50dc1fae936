"""Books as text: JSON and TOML of every dataclass that a book is made of, both ways.

The fields of the classes are the format: a part that is added to a book can be written and read without a line here.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import types
from collections.abc import Iterable
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from alvh.errors import ConfigError

# TOML has no null: this stands for None in fields whose default is something else.
_NONE = "none"
# Key that names the class where a field takes several.
_KIND = "kind"


class Part:
    """Base of every frozen dataclass that can be written as text."""


P = TypeVar("P", bound=Part)


def hints(part: type) -> dict[str, Any]:
    """Resolve the types of the fields of a class.

    Parameters
    ----------
    part : type
        Dataclass.

    Returns
    -------
    dict
        Type by field.
    """
    return _resolved(part)


@functools.cache
def _resolved(part: Any) -> dict[str, Any]:
    return get_type_hints(part)


def to_dict(part: Part) -> dict[str, Any]:
    """Turn a part into built-in types, every field in it.

    Parameters
    ----------
    part : Part
        What is written.

    Returns
    -------
    dict
        Value by field; None where a field is None.
    """
    result: dict[str, Any] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        classes = _classes(hints(type(part))[field.name])
        result[field.name] = _plain(getattr(part, field.name), has_kind=len(classes) > 1)
    return result


def _plain(value: Any, has_kind: bool = False) -> Any:
    if isinstance(value, Part):
        return ({_KIND: type(value).__name__} if has_kind else {}) | to_dict(value)
    if isinstance(value, tuple):
        return [_plain(each, has_kind) for each in value]
    return value


@functools.cache
def _classes(hint: Any) -> list[type[Part]]:
    """List the parts that a field can hold, itself or in its tuple."""
    if isinstance(hint, type) and issubclass(hint, Part):
        return [hint]
    found = [each for inner in get_args(hint) if inner is not ... for each in _classes(inner)]
    return list(dict.fromkeys(found))


def from_dict(data: Any, part: type[P], path: str = "") -> P:
    """Make a part of built-in types.

    Parameters
    ----------
    data : dict
        Value by field; what is left out has its default.
    part : type
        Class of the part.
    path : str
        Where the part stands; the errors begin with it.

    Returns
    -------
    Part
        The part, checked.

    Raises
    ------
    ConfigError
        With the path of the field.
    """
    owner = part.__name__
    if not isinstance(data, dict):
        raise ConfigError(
            "CFG080", owner, path or "fields", _shown(data), f"a table of the fields of {owner}"
        )
    fields = {field.name: field for field in dataclasses.fields(part)}  # type: ignore[arg-type]
    for name in data:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                "CFG081",
                owner,
                _below(path, _key(name)),
                "an unknown key",
                f"one of {', '.join(fields)}",
                hint=hint,
            )
    values = {}
    for name, field in fields.items():
        place = _below(path, name)
        if name in data:
            values[name] = _value(data[name], hints(part)[name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError("CFG082", owner, place, "nothing", "a value: the field has no default")
    try:
        return part(**values)
    except ConfigError as error:
        # The part knows its own fields; only here it is known where it stands.
        raise type(error)(
            error.code,
            error.source,
            _below(path, error.field),
            error.value,
            error.expected,
            error.position,
            error.hint,
        ) from None


def _value(data: Any, hint: Any, place: str) -> Any:
    classes = _classes(hint)
    if not classes or data is None:
        return data
    if get_origin(hint) is tuple or any(get_origin(each) is tuple for each in get_args(hint)):
        if not isinstance(data, list):
            raise ConfigError("CFG083", classes[0].__name__, place, _shown(data), "a list of tables")
        return tuple(_one(each, classes, f"{place}[{index}]") for index, each in enumerate(data))
    return _one(data, classes, place)


def _one(data: Any, classes: list[type[Part]], path: str) -> Part:
    if len(classes) == 1:
        return from_dict(data, classes[0], path)
    named = {each.__name__: each for each in classes}
    kind = data.get(_KIND) if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in named:
        raise ConfigError(
            "CFG084", classes[0].__name__, _below(path, _KIND), _shown(kind), f"one of {', '.join(named)}"
        )
    return from_dict({key: value for key, value in data.items() if key != _KIND}, named[kind], path)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _key(name: Any) -> str:
    """Name a key as it is where that is plain; a key may hold anything."""
    text = str(name)
    return text if text.isascii() and text.isidentifier() and len(text) <= 60 else _shown(text)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _all(data: Any, part: type[P], single: bool) -> tuple[P, ...]:
    if single:
        return (from_dict(data, part),)
    listed = data.get("books") if isinstance(data, dict) else None
    if not isinstance(listed, list) or len(data) != 1:
        got = ", ".join(map(ascii, data)) if isinstance(data, dict) and data else _shown(data)
        raise ConfigError("CFG085", "books", "books", got, "a list named books and nothing else")
    return tuple(from_dict(each, part, f"books[{index}]") for index, each in enumerate(listed))


def to_json(parts: Iterable[Part], *, single: bool = False) -> str:
    """Write parts as JSON.

    Parameters
    ----------
    parts : iterable of Part
        What is written.
    single : bool
        The one part itself instead of a list named ``books``.

    Returns
    -------
    str
        JSON, indented.
    """
    listed = [to_dict(part) for part in parts]
    return json.dumps(listed[0] if single else {"books": listed}, indent=2, allow_nan=False)


def from_json(text: str, part: type[P], *, single: bool = False) -> tuple[P, ...]:
    """Read parts from JSON.

    Parameters
    ----------
    text : str
        JSON.
    part : type
        Class of the parts.
    single : bool
        The text is one part instead of a list named ``books``.

    Returns
    -------
    tuple of Part
        The parts.

    Raises
    ------
    ConfigError
        With the line of what is no JSON, or the path of the field.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            repeated = next(name for index, (name, _) in enumerate(pairs) if name in dict(pairs[:index]))
            raise ConfigError("CFG086", part.__name__, _key(repeated), "the key twice", "each key once")
        return result

    try:
        data = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise ConfigError("CFG087", "JSON", "text", error.msg, "a JSON document", where) from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError("CFG087", "JSON", "text", str(error)[:60], "a JSON document") from None
    return _all(data, part, single)


def to_toml(parts: Iterable[Part], *, single: bool = False) -> str:
    """Write parts as TOML.

    Parameters
    ----------
    parts : iterable of Part
        What is written.
    single : bool
        The one part itself instead of an array of tables named ``books``.

    Returns
    -------
    str
        TOML.

    Raises
    ------
    ConfigError
        When tomli-w, of the extra `toml`, is not installed.
    """
    try:
        import tomli_w
    except ModuleNotFoundError:
        rule = "tomli-w; install alvh with its extra: 'alvh[toml]'"
        raise ConfigError("CFG088", "to_toml", "writer", "no TOML writer", rule) from None
    listed = [_without_null(part) for part in parts]
    return tomli_w.dumps(listed[0] if single else {"books": listed})


def _without_null(part: Part) -> dict[str, Any]:
    """Turn a part into what TOML can say: None is left out where it is the default, else it has a word."""
    result: dict[str, Any] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if value is None:
            if field.default is not None:
                result[field.name] = _NONE
            continue
        classes = _classes(hints(type(part))[field.name])
        result[field.name] = _toml_value(value, has_kind=len(classes) > 1)
    return result


def _toml_value(value: Any, has_kind: bool) -> Any:
    if isinstance(value, Part):
        return ({_KIND: type(value).__name__} if has_kind else {}) | _without_null(value)
    if isinstance(value, tuple):
        return [_toml_value(each, has_kind) for each in value]
    return value


def _with_null(data: Any, hint: Any) -> Any:
    """Put None back where its word stands in a field that can be None."""
    classes = _classes(hint)
    if isinstance(data, dict):
        named = {each.__name__: each for each in classes}
        kind = data.get(_KIND)
        one = classes[0] if len(classes) == 1 else named.get(kind) if isinstance(kind, str) else None
        known = hints(one) if one else {}
        return {key: _with_null(value, known[key]) if key in known else value for key, value in data.items()}
    if isinstance(data, list) and classes:
        return [_with_null(each, hint) for each in data]
    is_optional = get_origin(hint) in (Union, types.UnionType) and types.NoneType in get_args(hint)
    return None if data == _NONE and is_optional else data


def from_toml(text: str, part: type[P], *, single: bool = False) -> tuple[P, ...]:
    """Read parts from TOML.

    Parameters
    ----------
    text : str
        TOML.
    part : type
        Class of the parts.
    single : bool
        The text is one part instead of an array of tables named ``books``.

    Returns
    -------
    tuple of Part
        The parts.

    Raises
    ------
    ConfigError
        With the line of what is no TOML, or the path of the field.
    """
    import tomllib

    try:
        data: Any = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        what, _, where = str(error).partition(" (at ")
        raise ConfigError(
            "CFG089", "TOML", "text", what[:80] or "nesting", "a TOML document", where.removesuffix(")")
        ) from None
    if single:
        data = _with_null(data, part)
    elif isinstance(data.get("books"), list):
        data["books"] = [_with_null(each, part) for each in data["books"]]
    return _all(data, part, single)
