"""The book: `make book` builds it from notebooks' committed outputs, docs/ and docstrings.

The repository itself is the source folder, so that every link in Markdown leads where it leads on
the host of the repository too. Nothing is executed, and nothing is loaded from another host.
"""

import ast
import sys
import tomllib
import types
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

from sphinx.ext.autodoc.mock import _MockObject
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util import inspect, logging

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "book")]

from xnet_study.freshness import changed  # noqa: E402, since the path comes first
from xnet_tf import runs  # noqa: E402

ROOMS = ("xnet_tf", "xnet_io", "xnet_study")
settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
repository = settings["tool"]["xnet"]["repository"]


def missing_libraries() -> list[str]:
    """Return what our modules import and this environment lacks: TensorFlow, above all."""
    names = set()
    for path in (file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.partition(".")[0])
    return sorted(name for name in names - sys.stdlib_module_names if find_spec(name) is None)


project = "XNet, reproduced"
version = release = settings["project"]["version"]
author = "the project's contributors"
project_copyright = "Apache-2.0"
language = "en"

extensions = [
    *("sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.mathjax"),
    *("myst_nb", "sphinx_design", "sphinx_copybutton"),
    *("links", "gallery"),
]

root_doc = "docs/index"
include_patterns = [
    *("docs/*.md", "docs/teaching/*.md", "docs/api/*.rst", "notebooks/*.ipynb"),
    *("README.md", "figures/INDEX.md", "data/README.md", "data/real/README.md"),
    *("simulation/README.md", "results/*.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
]
exclude_patterns = [".*", "runs", "build", "**/.venv*", "docs/web", "tests", "benchmarks"]

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "off"
# The sliders' outputs are kept as pictures; what would make them move lies on another host.
nb_ipywidgets_js = {}
nb_merge_streams = True
suppress_warnings = [
    "toc.empty_glob",
    "mystnb.unknown_mime_type",
    "config.cache",
    "misc.highlighting_failure",
    "ref.python",
]

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_mock_imports = missing_libraries()
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# References in docstrings are in single back-ticks, Markdown's code.
default_role = "code"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["book/static", "../figures/real-radiographs-wide.png"]
# Absolute, since autosummary looks from the source folder, and the theme from this one.
templates_path = [str(ROOT / "docs" / "book" / "templates")]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_copy_source = True
html_show_copyright = False
html_show_sphinx = False
html_additional_pages = {"index": "home.html"}
# The pages that compute in the browser, where `make web` has made them.
html_extra_path = [str(path) for path in sorted((ROOT / "build" / "web").glob("*.html"))]
lessons = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
html_context = {
    "in_browser": bool(html_extra_path),
    "first_lesson": f"notebooks/{lessons[0].stem}",
}
html_theme_options = {
    "path_to_docs": "",
    "repository_branch": "main",
    "use_download_button": True,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if repository:
    html_theme_options |= {
        "repository_url": repository,
        "use_repository_button": True,
        "use_edit_page_button": True,
        "use_issues_button": True,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        },
    }

# MathJax comes as a package; one of its files draws formulas as SVG and needs no fonts.
html_static_path += [
    str(path.locate())
    for path in files("sphinx-mathjax-offline") or []
    if path.match("static/mathjax/tex-svg.js")
]
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}


def decorated(mock, *arguments, **options):
    """Let a mocked decorator return what it decorates, so that its docstrings are found."""
    if len(arguments) == 1 and isinstance(arguments[0], type | types.FunctionType):
        return arguments[0]
    return mock_call(mock, *arguments, **options)


mock_call, _MockObject.__call__ = _MockObject.__call__, decorated


def shortened(value, **options):
    """Describe a constant in no more than two lines, and no path by where this checkout lies."""
    text = describe_object(value, **options).replace(f"{ROOT}/", "").replace(str(ROOT), ".")
    return text if len(text) <= 160 else text[:150] + " ..."


describe_object, inspect.object_description = inspect.object_description, shortened
# Before a colon Napoleon expects a constant's type; ours begin with a sentence.
GoogleDocstring._consume_inline_attribute = lambda self: ("", self._consume_to_end())


def setup(app):
    """Make pages of the API anew, so that no module that is gone stays in the book; name old ones.

    A warning ends `make book`.
    """
    for stale in (ROOT / "docs" / "api").glob("*.rst"):
        stale.unlink()
    for lesson in lessons:
        if parts := changed(lesson, (runs.RELEASED_WEIGHTS, runs.USER_WEIGHTS)):
            logging.getLogger(__name__).warning(
                "%s was executed before a change of %s: execute it again, then `make release`",
                lesson.relative_to(ROOT), ", ".join(parts),
            )  # fmt: skip
