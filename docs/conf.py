"""Builds the documentation: the pages beside this file, the reference of docstrings, the gallery of pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import alvh

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "alvh"
author = "The alvh authors"
release = version = alvh.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "gallery"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_generated/*.png"]
html_theme = "pydata_sphinx_theme"
html_title = f"alvh {version}"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"**": ["sidebar-nav-bs"]}
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath"]
# Pages also link to files of the repository, which are no pages; tests/test_docs.py follows every link.
suppress_warnings = ["myst.xref_missing"]
autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
