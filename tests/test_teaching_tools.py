"""Slides begin where headings say, and a wheelhouse holds what a system asks for."""

import re

import nbformat
import pytest
import slides
import wheelhouse

markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell


def kinds(*cells):
    """Return the slides' types and beginnings of texts."""
    notebook = slides.slides(nbformat.v4.new_notebook(cells=list(cells)))
    return [(c.metadata["slideshow"]["slide_type"], c.source[:12]) for c in notebook.cells]


def printing(text):
    return nbformat.v4.new_output("stream", text=text)


def test_markdown_is_divided_at_blank_lines_and_headings_alone():
    text = "# A\nfirst\n\nsecond\n```\nx\n\n# y\n```\n<details>\n\nfolded\n</details>\n"
    parts = [part.split("\n")[0] for part in slides.blocks(text)]
    assert parts == ["# A", "second"]
    assert slides.blocks("one\n\n## B\n\n- two")[1:] == ["## B", "- two"]


def test_a_section_begins_a_slide_and_what_has_no_room_stands_below():
    room = kinds(markdown("# N\n\nwords"), markdown("## One\n\nshort"), code("x = 1"))
    assert room[:2] == [("slide", "# N"), ("-", "words")]
    assert room[2:] == [("slide", "## One"), ("-", "short"), ("-", "x = 1")]
    table = code("show()", outputs=[printing("row\n" * 20)])  # 22 lines of 26: 572 of 660 pixels
    after = markdown("after"), markdown("## Two")
    assert kinds(markdown("## One\n\nshort"), table, *after)[2:5] == [
        ("subslide", '<p class="se'),
        ("-", "show()"),
        ("-", "after"),
    ]


def test_a_sentence_that_ends_in_a_colon_goes_with_what_it_announces():
    table = code("show()", outputs=[printing("row\n" * 12)])  # 14 lines of 26 pixels: 364
    filling = markdown("## One\n\n" + "word " * 100)  # 6 lines
    separate = kinds(filling, markdown("what comes:"), table)
    assert [kind for kind, _ in separate] == ["slide", "-", "subslide", "-", "-"]


def test_a_short_end_of_a_section_is_squeezed_in():
    table = code("show()", outputs=[printing("row\n" * 20)])  # 572 pixels, and a heading of 54
    end = [kind for kind, _ in kinds(markdown("## One"), table, markdown("the end"))]
    assert end == ["slide", "-", "-"]
    more = [kind for kind, _ in kinds(markdown("## One"), table, markdown("on"), code("x = 1"))]
    assert more == ["slide", "-", "subslide", "-", "-"]


def test_a_heading_does_not_stand_alone():
    table = code("show()", outputs=[printing("row\n" * 30)])
    assert [kind for kind, _ in kinds(markdown("## One\n\nwhat comes:"), table)][:2] == [
        "slide",
        "-",
    ]


def test_set_up_exercises_and_long_code_are_not_for_the_wall():
    long = "x = 1\n" * 13
    left = kinds(
        markdown("# N"),
        code("import set_up"),
        markdown("## One"),
        code(long),
        code("answer = ...", metadata={"tags": ["exercise-1"]}),
        code("shown"),
    )
    assert [text for _, text in left] == ["# N", "## One", "shown"]


def test_long_code_with_a_result_leaves_the_result():
    cells = [markdown("## One"), code("x = 1\n" * 13, outputs=[printing("seen\n")])]
    last = slides.slides(nbformat.v4.new_notebook(cells=cells)).cells[-1]
    assert last.metadata["transient"] == {"remove_source": True}


def test_a_page_asks_the_net_for_nothing(tmp_path):
    words = "$x^2$ and `$HOME` and [words](../docs/glossary.md#mask)"
    text = f"# N\n\n{words}\n\n<details>\n\nfolded\n\n</details>"
    output = nbformat.v4.new_output("display_data", {"image/png": "AAAA"})
    alt = {"mystnb": {"image": {"alt": "a hand"}}}
    cells = [markdown(text), markdown("## One"), code("draw()", outputs=[output], metadata=alt)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    page = slides.page(tmp_path / "n.ipynb")
    address = r"""["']?(?:https?:)?//"""
    assert re.findall(rf"(?:src|href)={address}|url\({address}|@import", page) == []
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in page
    assert "<code>$HOME</code> and words" in page
    assert 'alt="a hand"' in page
    assert page.count("<section") == page.count("</section") == 4


LOCK = """\
# made by
plain==1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via x
windows-only==2 ; sys_platform == 'win32' \\
    --hash=sha256:cc
arm==3 ; platform_machine == 'arm64' and python_full_version >= '3.12' \\
    --hash=sha256:dd
"""


@pytest.mark.parametrize(
    ("system", "python", "names"),
    [
        ("windows", "3.12", ["plain==1", "windows-only==2"]),
        ("macos", "3.12", ["plain==1", "arm==3"]),
        ("macos", "3.11", ["plain==1"]),
        ("linux", "3.13", ["plain==1"]),
    ],
)
def test_a_system_gets_what_its_markers_say_with_hashes(system, python, names):
    settings = wheelhouse.SYSTEMS[system][0]
    environment = settings | {"python_version": python, "python_full_version": f"{python}.0"}
    kept = wheelhouse.needed(LOCK, environment)
    assert re.findall(r"^[\w-]+==\d", kept, flags=re.MULTILINE) == names
    assert ";" not in kept
    assert kept.count("--hash") == len(names) + 1


def key() -> dict[str, list[int]]:
    """Return the exercises of the marking key by notebook, ``00`` or ``06a``."""
    text = (slides.HERE / "marking.md").read_text("utf-8")
    found = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        number, letter = re.match(r"(\d+)(\w?)", part).groups()
        rows = re.findall(r"^\| (\d+) \|", part, flags=re.MULTILINE)
        found[f"{int(number):02}{letter}"] = [int(row) for row in rows]
    return found


@pytest.mark.parametrize("notebook", key())
def test_the_marking_key_has_every_exercise_of_a_notebook(notebook):
    module = pytest.importorskip(f"xnet_study.teaching.notebook{notebook}")
    assert key()[notebook] == [number for number, _ in module.exercise.items()]
