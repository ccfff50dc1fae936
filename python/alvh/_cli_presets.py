"""``alvh presets``, and books on the command line by name or from a file."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from alvh.books import Book

__all__ = ["add_parser", "books_of"]

_WIDTH = 100
_FILES = (".toml", ".json")


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command.

    Parameters
    ----------
    commands : argparse action
        Sub-commands of ``alvh``.
    """
    presets = commands.add_parser(
        "presets",
        help="list the published readings of the hedge with their sources",
        description="List the published readings of the hedge with their sources. Not affiliated with their authors.",
    )
    presets.add_argument("names", metavar="NAME", nargs="*", help="only these")
    form = presets.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON and nothing else on standard output")
    form.add_argument(
        "--toml", action="store_true", help="print the books as TOML, for `alvh study --books FILE`"
    )
    presets.set_defaults(parser=presets, run=_presets)


def _presets(arguments: argparse.Namespace) -> None:
    from alvh import books, presets

    made = presets.named(*arguments.names)
    if arguments.toml:
        print(books.to_toml(made), end="")
        return
    chosen = [preset for preset in presets.describe() if preset.name in [book.name for book in made]]
    if arguments.json:
        print(json.dumps({"presets": [preset.to_dict() for preset in chosen]}, indent=2))
        return
    for preset in chosen:
        print(f"{preset.name}  [{preset.status}]")
        row = preset.to_dict()
        for label, text in (("says", preset.says), ("ours", preset.choices), ("source", preset.source)):
            print(
                textwrap.fill(
                    f"{label}: {text}",
                    _WIDTH,
                    initial_indent="  ",
                    subsequent_indent="    ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
        print(*(f"  {layer}" for layer in row["hedge"]), sep="\n")
        print()
    print("PUB: numbers found in the source. PUB?: not all of them. STD: a standard of the field.")
    print("Not affiliated with any author; what the sources leave open is ours.")


def books_of(text: str) -> tuple[Book, ...]:
    """Build the books that a comma-separated list names.

    Parameters
    ----------
    text : str
        Names of books or presets, and files of books: ``.toml`` or ``.json``.

    Returns
    -------
    tuple of Book
        Books, in order.

    Raises
    ------
    ConfigError
        When a name is not known, or a file is not in order.
    OSError
        When a file cannot be read.
    """
    from alvh import books, presets

    wanted = [each.strip() for each in text.split(",")]
    own = set(presets.names()) - {"vix_tail_hedge"}
    if not any(name in own or Path(name).suffix in _FILES for name in wanted):
        return books.named(*wanted)
    made: list[Book] = []
    for name in wanted:
        suffix = Path(name).suffix
        if suffix in _FILES:
            read = books.from_toml if suffix == ".toml" else books.from_json
            made += read(Path(name).read_text(encoding="utf-8"))
        else:
            made += presets.named(name) if name in own else books.named(name)
    return tuple(made)
