"""``alvh doctor``: what this installation is made of, and whether it works."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.errors import InternalError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["add_parser", "findings"]

_NEEDED = ("numpy", "pandas")
_OPTIONAL = ("arch", "matplotlib", "plotly", "pyarrow", "polars", "cryptography", "tomli_w")
# The paths of a seed are the same bits on every machine; this is their hash.
_SEED, _PATHS = 20, 8


def add_parser(commands: Any) -> None:
    """Add the command.

    Parameters
    ----------
    commands : argparse._SubParsersAction
        Where it goes.
    """
    parser = commands.add_parser(
        "doctor",
        help="versions, CPU features, threads, and checks that this installation works",
        description="Report versions, CPU features and threads, and check that this installation works.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(parser=parser, run=_run)


def _run(arguments: argparse.Namespace) -> None:
    found = findings()
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for title, table in found.items():
            print(f"{title}:")
            for name, value in table.items():
                print(f"  {name:<24} {value}")
    bad = [name for name, value in found["checks"].items() if value.startswith("failed")]
    if bad:
        raise InternalError("DOC001", "doctor", "checks", f"{', '.join(bad)} failed", "every check to pass")


def findings() -> dict[str, dict[str, str]]:
    """Gather versions, the machine and the outcome of the checks.

    Returns
    -------
    dict of str to dict
        ``versions``, ``machine`` and ``checks``; a check starts with ``ok``, ``failed`` or ``skipped``.
    """
    import alvh

    versions = {"alvh": alvh.__version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _NEEDED}
    for name in _OPTIONAL:
        has = importlib.util.find_spec(name) is not None
        versions[name] = importlib.metadata.version(name.replace("_", "-")) if has else "not installed"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = {
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
        "instruction sets": ", ".join(alvh.simulation.instruction_sets()),
        "processors": f"{os.cpu_count()}, {usable} of them usable",
    }
    checks = {"same bits": _same_bits, "demonstration": _demonstration, "study": _study}
    return {
        "versions": versions,
        "machine": machine,
        "checks": {name: _checked(check) for name, check in checks.items()},
    }


def _checked(check: Callable[[], str]) -> str:
    try:
        return f"ok, {check()}"
    except ModuleNotFoundError as error:
        return f"skipped, {error.name} is not installed"
    except Exception as error:  # a doctor reports what is broken, whatever it is
        return f"failed, {' '.join(f'{type(error).__name__}: {error}'.split())[:200]}"


def _same_bits() -> str:
    """Every instruction set of this machine must give the same paths."""
    import alvh

    market = alvh.Market.default()
    found = {}
    for name in alvh.simulation.instruction_sets():
        paths = alvh.simulation.paths(market, _PATHS, years=0.1, seed=_SEED, instruction_set=name)
        found[name] = hashlib.sha256(np.ascontiguousarray(paths.spot).tobytes()).hexdigest()
    if len(set(found.values())) != 1:
        raise InternalError(
            "DOC002", "doctor", "paths", str(found)[:80], "the same bits on every instruction set"
        )
    return f"{len(found)} instruction sets agree on {next(iter(found.values()))[:12]}"


def _demonstration() -> str:
    import alvh

    history = alvh.History.demo()
    return f"{len(history):,} sessions {history.first} to {history.last}"


def _study() -> str:
    """Run a small study: its attribution is checked to the cent when it is made."""
    import alvh

    history = alvh.History.demo().between("2016-01-04", "2017-06-30")
    study = alvh.backtest(alvh.books.named("unhedged", "static"), history, replicates=0)
    return f"{len(study.trades):,} trades, every cent attributed"
