"""Draw the house from its imports: ``docs/house.svg``.

    python docs/draw_house.py

Rooms stand beside each other; a module stands one floor above the highest module of its room that
it imports.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"xnet_tf": "the method", "xnet_io": "files", "xnet_study": "the study"}
COLOURS = {"xnet_tf": "#33608c", "xnet_io": "#a85410", "xnet_study": "#4c6d2f"}
DOOR = "xnet_tf.cli"


def modules(room: str) -> list[str]:
    """Return a room's modules by dotted name."""
    paths = sorted((ROOT / room).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name for name in names if not name.endswith(("__init__", "__main__"))]


EVERY = {name for room in ROOMS for name in modules(room)}


@cache
def imported(module: str) -> frozenset[str]:
    """Return the modules of ours that a module imports at its head."""
    tree = ast.parse((ROOT / Path(*module.split("."))).with_suffix(".py").read_text("utf-8"))
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    names = {node.module for node in froms}
    names |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    return frozenset(names & EVERY - {module})


@cache
def floor(module: str) -> int:
    """Return 0 for a module that imports none of its room, else one more than the highest does."""
    room = module.split(".")[0]
    below = [floor(m) for m in imported(module) if m.split(".")[0] == room and m != DOOR]
    return 1 + max(below, default=-1)


def rows(room: str) -> list[list[str]]:
    """Return the names in rows, from the ground up: floors, or the folders of a room."""
    groups = defaultdict(list)
    for name in modules(room):
        inner = name.removeprefix(f"{room}.")
        folder = inner.split(".")[0] if "." in inner else ""
        groups[folder if room == "xnet_study" else floor(name)].append(inner)
    return [sorted(groups[key]) for key in sorted(groups)]


def draw_room(axis: plt.Axes, room: str, widest: int) -> float:
    """Draw one room's modules; return its height."""
    height = 0.0
    for names in rows(room):
        axis.axhline(height - 0.02, color="#bbbbbb", lw=0.8)
        for number, name in enumerate(names):
            x, y = number % widest, height + 0.8 * (number // widest)
            colour = "#444444" if f"{room}.{name}" == DOOR else COLOURS[room]
            style = "round,pad=0,rounding_size=0.08"
            corner = (x + 0.04, y + 0.06)
            axis.add_patch(FancyBboxPatch(corner, 0.92, 0.64, boxstyle=style, color=colour))
            text = {"ha": "center", "va": "center", "color": "white", "fontsize": 8}
            axis.text(x + 0.5, y + 0.38, name.replace(".", ".\n"), **text)
        height += 0.8 * -(-len(names) // widest)
    axis.set_title(f"{room}: {ROOMS[room]}", color=COLOURS[room], fontsize=12, loc="left")
    axis.axis("off")
    return height


def draw() -> None:
    """Draw the rooms and write the picture."""
    widths = dict(zip(ROOMS, (3, 3, 6), strict=True))
    figure, axes = plt.subplots(
        *(1, 3), figsize=(15, 6), layout="constrained", width_ratios=list(widths.values())
    )
    heights = [draw_room(axis, *pair) for axis, pair in zip(axes, widths.items(), strict=True)]
    for axis, widest in zip(axes, widths.values(), strict=True):
        axis.set(xlim=(0, widest), ylim=(-0.1, max(heights)))
    figure.savefig(ROOT / "docs" / "house.svg", metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "xnet"
    draw()
