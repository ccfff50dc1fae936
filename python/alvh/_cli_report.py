"""``alvh report``: a study as one offline page."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alvh._claims import claim_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from alvh.study import Study

__all__ = ["add_output", "run"]


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add where the page goes.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command, which has the options of a study already.
    """
    output = parser.add_argument_group("output")
    output.add_argument("--html", metavar="FILE", default="alvh.html", help="page (default: %(default)s)")
    output.add_argument("--json", action="store_true", help="print JSON and nothing else on standard output")


def run(arguments: argparse.Namespace, study: Callable[[argparse.Namespace], Study]) -> None:
    """Run the study and write its page.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command.
    study : callable
        Runs what the arguments ask for.
    """
    page = Path(arguments.html)
    if not page.parent.is_dir():
        arguments.parser.error(f"argument --html: no folder {page.parent}")
    if page.is_dir():
        arguments.parser.error(f"argument --html: {page} is a folder")
    if not os.access(page.parent, os.W_OK):
        arguments.parser.error(f"argument --html: cannot write to {page.parent}")
    # Found out before the work starts.
    import plotly  # noqa: F401

    found = study(arguments)
    found.report(page)
    if arguments.json:
        rows: list[dict[Any, Any]] = json.loads(found.to_json())["claims"]
        print(json.dumps({"report": str(page), "claims": rows}, indent=2))
        return
    print("\n".join(claim_lines(found)))
    print(f"report: {page}", file=sys.stdout)
