"""Writes docs/errors.md: every error code that the sources raise, with its field and the rule that it states.

``python tools/list_error_codes.py`` writes the file, ``--check`` only says whether it is up to date. Either fails where
a source raises a code whose first three letters have no topic in `PREFIXES`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "errors.md"
# Where the classes themselves are defined and shown in examples, not raised.
DEFINITIONS = {"errors.py", "error.rs"}
PREFIXES = {
    "CFG": "configuration: books, costs, arguments",
    "COL": "columns of files and frames",
    "ROW": "values in rows",
    "TIM": "dates and times",
    "EVT": "tapes of order-book events",
    "ARR": "arrays and frames of events",
    "DBN": "files of Databento Binary Encoding",
    "LOB": "LOBSTER files",
    "BIN": "Binance recordings",
    "TAQ": "quotes and trades of TAQ",
    "DET": "formats of order-book files",
    "IGN": "the ignition detector",
    "LAB": "labelled order flow and scores",
    "HWK": "self-exciting processes fitted to event times",
    "FIL": "packed files",
    "CAL": "calendar",
    "HIS": "history",
    "CHN": "option chains",
    "CNV": "conversions and reversals of a chain",
    "PRC": "pricing and fills",
    "MKT": "market model",
    "SIM": "simulation",
    "MRG": "margin",
    "LOG": "decision logs",
    "GOV": "governed policies",
    "SIG": "signals and phases",
    "RUL": "rules of the hedge",
    "CTL": "control books",
    "ABL": "ablation",
    "DCP": "split of differences between books",
    "XPL": "explanations of decisions",
    "RUN": "simulation runs, chunks and merging",
    "SKC": "skill curves",
    "SWP": "sweeps",
    "SEL": "selection among many configurations",
    "JOB": "job files",
    "DOC": "the doctor of the command line",
    "STA": "statistics and studies",
    "RES": "stored results",
    "INT": "defects of the library: please report them",
}
CODE = re.compile(r'"(([A-Z]{3})\d{3})"')
CLASSES = {
    "config": "ConfigError",
    "data": "DataError",
    "decode": "DecodeError",
    "truncated": "TruncatedError",
    "schema": "SchemaError",
    "numerical": "NumericalError",
    "limit": "LimitError",
    "look_ahead": "LookAheadError",
    "governance": "GovernanceError",
    "internal": "InternalError",
}
HEAD = """# Error codes

Written by `python tools/list_error_codes.py` from the sources; a test keeps it up to date.

Every error is one line, `CODE source[:position] field: got value, expected rule[; hint]`, and carries those parts as
attributes (`error.code`, `.source`, `.position`, `.field`, `.value`, `.expected`, `.hint`). The classes stand in
`alvh.errors`: all are `AlvhError`; `ConfigError`, `DataError` and its children `SchemaError` and `DecodeError` are also
`ValueError`, `NumericalError` is also `ArithmeticError`. Words in braces, `…` and `(varies)` are filled in where the
error is raised.
"""
VARIES = "(varies)"


class Raise(NamedTuple):
    code: str
    cls: str
    field: str
    expected: str


def arguments(text: str, start: int) -> list[str]:
    """Top-level arguments from `start` to the parenthesis that closes the call around it."""
    depth, quote, begin, position = 0, "", start, start
    found = []
    while position < len(text):
        char = text[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char == '"' or (char == "'" and text[position - 1] in "(, f"):
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}" and depth == 0:
            break
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[begin:position].strip())
            begin = position + 1
        position += 1
    last = text[begin:position].strip()
    return [*found, last] if last else found


def literal(argument: str, text: str, end: int) -> str:
    """Text of a string argument: a literal, a format, or a variable or constant set to one before `end`."""
    inner = re.fullmatch(r'(?:&?format!\(\s*)?f?(["\'])((?:(?!\1)[^\\]|\\.)*)\1.*', argument, re.S)
    if inner and argument.count('" + ') == 0:
        plain = inner[2].replace('\\"', '"').replace("\\\\", "\\")
        # What is filled in keeps its name where it has a plain one.
        return re.sub(r"\{(?![A-Za-z_]+(?:\.[A-Za-z_]+)?\})[^}]*\}", "…", plain).replace("{self.", "{")
    if inner:  # a sum: what is joined to its first part is filled in
        return argument[1 : argument.index('"', 1)] + "…"
    name = argument.lstrip("&").strip()
    if re.fullmatch(r"[A-Za-z_]+", name):
        setting = rf'\b{name}(?:: [^=\n]+)? = (f?"(?:[^"\\]|\\.)*"|format!\("(?:[^"\\]|\\.)*")'
        nearest = [*re.finditer(setting, text[:end])] if name.islower() else [*re.finditer(setting, text)]
        if nearest:
            return literal(nearest[-1][1], "", 0)
    return VARIES


def raising(path: Path) -> str:
    """Text of a source without its tests."""
    text = path.read_text(encoding="utf-8")
    return text.split("#[cfg(test)]")[0] if path.suffix == ".rs" else text


def raises(path: Path) -> list[Raise]:
    text = raising(path)
    found = []
    for match in CODE.finditer(text):
        args = arguments(text, match.start())
        head = text[: match.start()].rstrip().removesuffix("(").rstrip()
        if len(args) < 3:
            continue
        # (code, source or row, field, value, expected) or, where the source is known, (code, field, value, expected).
        full = re.search(r"(Fault::new|[A-Z]\w+Error|\w\.(fault|fail))$", head) or len(args) > 4
        listed = re.search(r"\bnamed\([^()]*,$", head)
        place = 2 if full or listed else 1
        expected = (
            literal(args[place + 2], text, match.start()) if len(args) > place + 2 else "a name out of a list"
        )
        field = literal(args[place], text, match.start())
        found.append(Raise(match[1], error_class(match, text, head), field, expected))
    return found


def error_class(match: re.Match[str], text: str, head: str) -> str:
    python = re.search(r"([A-Z]\w+Error)$", head)
    if python:
        return python[1]
    # A closure of the same function that wraps the fault says the class where it is defined.
    callee = re.search(r"(\w+)$", head)
    defined = [*re.finditer(rf"\blet {callee[1]} =", text[: match.start()])] if callee else []
    if defined and (
        wrapped := re.search(r"Error::([a-z_]+)\(", text[defined[-1].end() :][:400].split(";\n")[0])
    ):
        return CLASSES[wrapped[1]]
    near = text[max(0, match.start() - 60) : match.start()], text[match.end() : match.end() + 400]
    before, after = re.findall(r"Error::([a-z_]+)\(", near[0]), re.findall(r"Error::([a-z_]+)\(", near[1])
    for name in [*before[-1:], *after[:1]]:
        if name in CLASSES:
            return CLASSES[name]
    return {
        "CFG": "ConfigError",
        "RUL": "ConfigError",
        "SIG": "ConfigError",
        "COL": "SchemaError",
        "GOV": "GovernanceError",
        "LOG": "GovernanceError",
    }.get(match[2], "DataError")


def sources() -> list[Path]:
    files = [*ROOT.glob("rust/*/src/**/*.rs"), *ROOT.glob("python/alvh/**/*.py")]
    return sorted(path for path in files if path.name not in DEFINITIONS)


def without_topic(paths: list[Path]) -> list[str]:
    """Codes that the document would leave out, with their file."""
    return [
        f"{path.name}: {code}"
        for path in paths
        for code in sorted({match[1] for match in CODE.finditer(raising(path)) if match[2] not in PREFIXES})
    ]


def cell(parts: list[str]) -> str:
    return "; or ".join(dict.fromkeys(part for part in parts if part)).replace("|", "\\|")


def document() -> str:
    codes: dict[str, list[Raise]] = defaultdict(list)
    for path in sources():
        for found in raises(path):
            codes[found.code].append(found)
    lines = [HEAD]
    for prefix, topic in PREFIXES.items():
        chosen = sorted(code for code in codes if code.startswith(prefix))
        if not chosen:
            continue
        lines += [f"## {prefix}: {topic}", "", "| code | class | field | expected |", "|---|---|---|---|"]
        for code in chosen:
            rows = codes[code]
            classes = ", ".join(dict.fromkeys(row.cls for row in rows))
            names = dict.fromkeys(row.field for row in rows)
            fields = ", ".join(name if name == VARIES else f"`{name}`" for name in names)
            lines.append(f"| {code} | {classes} | {fields} | {cell([row.expected for row in rows])} |")
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether docs/errors.md is up to date")
    only_check = parser.parse_args().check
    unknown = without_topic(sources())
    if unknown:
        print(f"codes without a topic in PREFIXES: {', '.join(unknown)}")
        return 1
    text = document()
    if only_check:
        fresh = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text
        print(
            "up to date" if fresh else f"{TARGET.relative_to(ROOT)} is stale: run tools/list_error_codes.py"
        )
        return 0 if fresh else 1
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(re.findall(r'^[|] [A-Z]{3}[0-9]', text, re.M))} codes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
