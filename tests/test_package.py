"""The package itself: what importing it loads, what it exports and what its metadata says."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

import alvh
import pytest
from alvh import _core

PROBE = """
import json, sys
import alvh
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_import_is_light():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    heavy = {"pandas", "plotly", "matplotlib", "scipy", "pyarrow", "polars", "numba", "arch"}
    loaded = set(json.loads(done.stdout))
    assert "alvh" in loaded
    assert heavy.isdisjoint(loaded)


def test_every_public_name_resolves():
    assert len(set(alvh.__all__)) == len(alvh.__all__)
    for name in alvh.__all__:
        assert getattr(alvh, name) is not None, name
    assert set(alvh.__all__) <= set(dir(alvh))
    with pytest.raises(AttributeError, match=r"^module 'alvh' has no attribute 'iron'$"):
        alvh.iron  # noqa: B018


def test_versions_agree():
    assert alvh.__version__ == _core.__version__ == importlib.metadata.version("alvh")


def test_metadata_carries_both_licences_and_the_types():
    package = importlib.metadata.distribution("alvh")
    metadata = package.metadata
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert set(metadata.get_all("License-File")) == {"LICENSE-MIT", "LICENSE-APACHE"}
    assert metadata["Requires-Python"] == ">=3.11"
    names = {str(path).rsplit("/", 1)[-1] for path in package.files}
    assert {"LICENSE-MIT", "LICENSE-APACHE"} <= names
    runtime = {
        line.split(";")[0].strip() for line in metadata.get_all("Requires-Dist") if "extra ==" not in line
    }
    assert {line.split(">")[0] for line in runtime} == {"numpy", "pandas"}
