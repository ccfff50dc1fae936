"""Every Python block of the README and of docs/ runs, every link leads somewhere, generated pages are up to date."""

from __future__ import annotations

import dataclasses
import os
import re
import runpy
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
# A block is skipped by a comment on the line before it, which must say why; "needs shared data" runs where they are.
MARK = re.compile(r"<!-- (skip|needs shared data)(?:: (.*?))? -->\s*$")
LEAST_BLOCKS = 12
LEAST_LINKS = 30


@dataclass(frozen=True)
class Block:
    line: int
    code: str
    mark: str
    reason: str


def blocks_of(text: str, language: str = "python") -> list[Block]:
    found = []
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.M | re.S):
        before = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        mark = MARK.search(before)
        line = text[: match.start()].count("\n") + 2
        found.append(Block(line, match[1], mark[1] if mark else "", (mark[2] or "") if mark else ""))
    return found


def links_of(text: str) -> list[str]:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.M | re.S)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in target]


def anchors_of(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of the names that the documentation uses, made up, in an otherwise empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    import alvh

    days = alvh.calendar.sessions("2015-01-02", "2016-12-30")
    rng = np.random.default_rng(11)
    moves = rng.normal(3e-4, 0.008, days.size)
    close = 2_000 * np.exp(np.cumsum(moves))
    opened = np.r_[2_000.0, close[:-1] * np.exp(rng.normal(0, 0.003, days.size - 1))]
    fear = 16 * np.exp(np.cumsum(-4 * moves + rng.normal(0, 0.02, days.size)) * 0.3)
    index = pd.DatetimeIndex(days, name="Date")
    bar = {
        "Open": opened,
        "High": np.maximum(opened, close) * 1.002,
        "Low": np.minimum(opened, close) * 0.998,
    }
    pd.DataFrame({**bar, "Close": close, "Volume": 1}, index=index).to_csv("spx.csv")
    pd.DataFrame(
        {"OPEN": fear, "HIGH": fear * 1.03, "LOW": fear * 0.97, "CLOSE": fear}, index=index.rename("DATE")
    ).to_csv("vix.csv")
    spy = pd.DataFrame(
        {name.lower(): values / 10 for name, values in bar.items()}, index=index.rename("time")
    )
    spy.assign(close=close / 10, volume=1).to_csv("spy.csv")
    pd.Series(0.4, index=index.rename("date"), name="value").to_csv("rates.csv")
    pd.Series(0.4, index=index.rename("date"), name="value").to_csv("fed_funds.csv")
    write_futures(days, fear)
    write_chain()
    write_messages()
    return tmp_path


def write_futures(days: np.ndarray, fear: np.ndarray) -> None:
    import alvh

    Path("vx_contracts").mkdir()
    head = "Trade Date,Futures,Open,High,Low,Close,Settle,Change,Total Volume,EFP,Open Interest\n"
    for expiry in alvh.calendar.vx_expiries("2015-01-05", "2017-08-31"):
        month = pd.Timestamp(expiry)
        rows = [
            f"{pd.Timestamp(day):%m/%d/%Y},F ({month:%b %y}),,,,,{level:.2f},0,1,0,1\n"
            for day, level in zip(days, 17 + 0.7 * (fear - 17), strict=True)
            if expiry - np.timedelta64(200, "D") <= day <= expiry
        ]
        if rows:
            path = Path("vx_contracts") / f"CFE_{'FGHJKMNQUVXZ'[month.month - 1]}{month:%y}_VX.csv"
            path.write_text(head + "".join(rows))


def write_chain() -> None:
    rows = [
        f"2016-06-01,SPX,2016-06-17,{strike},{right},{price - 0.2:.2f},{price + 0.2:.2f},2099.33\n"
        for strike in range(1_900, 2_301, 5)
        for right, price in (
            ("C", max(2_099.33 - strike, 0) + 25 * np.exp(-(((strike - 2_099) / 60) ** 2)) + 0.5),
            ("P", max(strike - 2_099.33, 0) + 25 * np.exp(-(((strike - 2_099) / 60) ** 2)) + 0.5),
        )
    ]
    head = "quote_date,root,expiry,strike,right,bid,ask,underlying_price\n"
    Path("chain.csv").write_text(head + "".join(rows))


def write_messages() -> None:
    """Two minutes of a LOBSTER file: sizes at the best prices flicker, a trade now and then."""
    rng = np.random.default_rng(5)
    messages, books = [], []
    sizes = [100, 100]
    for i in range(2_400):
        side = int(rng.integers(2))
        price = 5_850_000 + 100 * side
        kind = 4 if rng.random() < 0.1 and sizes[side] > 10 else 1 if sizes[side] < 100 else 2
        sizes[side] += 5 if kind == 1 else -5
        messages.append(f"{36_000 + 0.05 * i:.9f},{kind},{i // 2 + 1},5,{price},{-1 if side else 1}\n")
        levels = [(5_850_100 + 100 * k, 100, 5_850_000 - 100 * k, 100) for k in range(1, 5)]
        levels.insert(0, (5_850_100, sizes[1], 5_850_000, sizes[0]))
        books.append(",".join(str(cell) for row in levels for cell in row) + "\n")
    Path("messages.csv").write_text("".join(messages))
    Path("book.csv").write_text("".join(books))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, own_files: Path, request: pytest.FixtureRequest) -> None:
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    from conftest import SHARED_DATA

    namespace: dict[str, object] = {"__name__": "__docs__"}
    for block in blocks:
        if block.mark == "skip":
            assert len(block.reason) > 10, f"{page.name}:{block.line} is skipped without a reason"
            continue
        if block.mark == "needs shared data":
            if not SHARED_DATA.is_dir():
                continue
            os.environ.setdefault("ALVH_SHARED_DATA", str(SHARED_DATA))
        # Line numbers of the page in the traceback.
        exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), namespace)


def test_enough_blocks_and_few_of_them_skipped() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page.read_text(encoding="utf-8"))]
    run = [block for block in blocks if block.mark != "skip"]
    assert len(run) >= LEAST_BLOCKS
    assert len(blocks) - len(run) <= 2


def test_a_block_that_fails_is_seen() -> None:
    text = "text\n\n<!-- skip: it shows an error -->\n```python\nraise SystemExit\n```\n\n```python\n1 / 0\n```\n"
    skipped, planted = blocks_of(text)
    assert (skipped.mark, planted.mark, planted.line) == ("skip", "", 9)
    with pytest.raises(ZeroDivisionError):
        exec(planted.code, {})


def test_links_lead_somewhere() -> None:
    links = [(page, target) for page in PAGES for target in links_of(page.read_text(encoding="utf-8"))]
    assert len(links) >= LEAST_LINKS
    broken = []
    for page, target in links:
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors_of(there.read_text(encoding="utf-8"))):
            broken.append(f"{page.name}: {target}")
    assert not broken
    assert links_of("[a](docs/no.md) `[b](no)`") == ["docs/no.md"]


def test_every_page_is_linked_from_the_readme() -> None:
    targets = {
        target.partition("#")[0] for target in links_of((ROOT / "README.md").read_text(encoding="utf-8"))
    }
    assert {f"docs/{page.name}" for page in PAGES if page.parent != ROOT} <= targets


def test_every_page_is_in_the_index() -> None:
    listed = set(re.findall(r"^([a-z-]+)$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.M))
    pages = {page.stem for page in PAGES if page.parent != ROOT} - {"index"}
    assert len(pages) >= 20
    assert pages <= listed


def test_error_codes_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "tools" / "list_error_codes.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| [A-Z]{3}\d{3} ", text, re.M)) >= 170


def test_codes_without_a_topic_are_no_secret(tmp_path: Path) -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "list_error_codes.py"))
    assert tool["without_topic"](tool["sources"]()) == []
    source = tmp_path / "a.py"
    source.write_text(
        'raise DataError("ZZZ001", "a", "b", "c", "d")\nraise DataError("TAQ001", "a", "b", "c", "d")\n'
    )
    assert tool["without_topic"]([source]) == ["a.py: ZZZ001"]
    # Whatever has codes in the sources has a chapter, however young it is.
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    chapters = set(re.findall(r"^## ([A-Z]{3}):", text, re.M))
    raised = {
        code for path in tool["sources"]() for code in re.findall(r'"([A-Z]{3})\d{3}"', tool["raising"](path))
    }
    assert chapters == raised
    assert "IGN" in chapters


def test_the_list_of_codes_has_help_and_writes_nothing_then() -> None:
    target = ROOT / "docs" / "errors.md"
    before = target.stat().st_mtime_ns
    command = [sys.executable, str(ROOT / "tools" / "list_error_codes.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "--check" in done.stdout
    assert target.stat().st_mtime_ns == before


def rows_of(text: str, title: str) -> dict[str, list[str]]:
    """Cells of the first table under a title, by its first cell."""
    section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("` "): row[1:] for row in cells}


def test_books_page_has_every_field_with_its_default() -> None:
    import alvh

    text = (ROOT / "docs" / "books.md").read_text(encoding="utf-8")
    checked = 0
    for name in ("IronCondor", "HedgeLayer", "LayeredHedge", "IndexPortfolio", "CostConfig", "Book"):
        rows = rows_of(text, name)
        fields = dataclasses.fields(getattr(alvh, name))
        assert list(rows) == [field.name for field in fields], name
        for field in fields:
            default = "required"
            if field.default is not dataclasses.MISSING:
                default = f"`{field.default!r}`"
            elif field.default_factory is not dataclasses.MISSING:
                default = f"`{field.default_factory.__name__}()`"
            assert rows[field.name][0] == default, f"{name}.{field.name}"
            checked += 1
    assert checked >= 40
    assert set(rows_of(text, "Named books")) == set(alvh.books.names())


def test_public_names_are_listed() -> None:
    import alvh

    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert len(alvh.__all__) >= 20
    missing = [name for name in alvh.__all__ if f"alvh.{name}" not in text]
    for owner in (alvh.History, alvh.Study):
        missing += [
            name for name in vars(owner) if not name.startswith("_") and not re.search(rf"\b{name}\b", text)
        ]
    # What the engine needs of a history, and what makes up a study: not for users.
    assert set(missing) <= {
        "source",
        "columns",
        "label",
        "quality_rows",
        "raw",
        "seed",
        "replicates",
        "sensitivity_lines",
    }
    missing = [name for name in alvh.calendar.__all__ if f"`{name}`" not in text]
    assert not missing


def test_every_doi_is_in_the_references() -> None:
    pattern = re.compile(r"doi:(10\.\d{4,}/[^\s;,|`]+)")
    sources = [*ROOT.glob("rust/**/src/**/*.rs"), *ROOT.glob("python/**/*.py"), *(ROOT / "docs").glob("*.md")]
    texts = [path.read_text(encoding="utf-8") for path in sources if path.name != "references.md"]
    clean = {doi.rstrip(".:") for text in texts for doi in pattern.findall(text)}
    clean = {doi[:-1] if doi.count(")") > doi.count("(") else doi for doi in clean}
    listed = {
        doi.rstrip(".")
        for doi in pattern.findall((ROOT / "docs" / "references.md").read_text(encoding="utf-8"))
    }
    assert len(clean) >= 15
    assert clean <= listed


def test_sample_in_the_readme_is_what_is_printed() -> None:
    command = [sys.executable, str(ROOT / "tools" / "update_readme_sample.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_licences_and_metadata() -> None:
    allowed = set(tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))["licenses"]["allow"])
    assert {"MIT", "Apache-2.0"} <= allowed
    assert not any(name.startswith(("GPL", "AGPL", "LGPL", "SSPL")) for name in allowed)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {
        "name",
        "description",
        "readme",
        "requires-python",
        "license",
        "license-files",
        "authors",
        "keywords",
        "classifiers",
    }
    assert needed <= project.keys()
    assert all((ROOT / name).is_file() for name in [project["readme"], *project["license-files"]])
