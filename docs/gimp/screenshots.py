"""Render the screenshots of notebook 1 from real GIMP: ``python docs/gimp/screenshots.py``.

Needs GIMP 2.10, Xvfb, openbox, xdotool and ImageMagick. The pictures go to ``notebooks/images``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from xnet_io import masks
from xnet_tf import dataset
from xnet_tf.runs import REPOSITORY

OUT = REPOSITORY / "notebooks" / "images"
DISPLAY = ":97"
SCREEN = "1180x760"
# Where to click: our palette in the list, the button that edits it, a tool option.
PALETTE, EDIT, ANTIALIASING = (1045, 90), (998, 346), (12, 266)

# Keys for actions that have none, a plain start, and the palette among the user's own.
SETTINGS = {
    "menurc": (
        '(gtk_accel_path "<Actions>/dialogs/dialogs-palettes" "F5")\n'
        '(gtk_accel_path "<Actions>/view/view-zoom-fit-in" "F6")\n'
        '(gtk_accel_path "<Actions>/tools/tools-pencil" "F7")\n'
    ),
    "gimprc": "(check-updates no)\n(show-tips no)\n(single-window-mode yes)\n",
}


@contextmanager
def screen(home: Path):
    """Run an X server with a window manager; yield the environment for programs on it."""
    environment = os.environ | {
        "DISPLAY": DISPLAY,
        "HOME": str(home),
        "GIMP2_DIRECTORY": str(home / "gimp"),
        "LC_ALL": "C.UTF-8",
    }
    server = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", f"{SCREEN}x24"], stderr=subprocess.DEVNULL
    )
    time.sleep(2)
    manager = subprocess.Popen(["openbox"], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield environment
    finally:
        manager.terminate()
        server.terminate()
        server.wait()


@contextmanager
def gimp(environment: dict, file: Path):
    """Open a file in GIMP's window, as large as the screen."""
    program = subprocess.Popen(
        ["gimp", "--no-splash", "--new-instance", str(file)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_window(environment, file.stem)
        yield lambda *keys: press(environment, *keys)
    finally:
        program.terminate()
        program.wait()


def wait_for_window(environment: dict, title: str) -> None:
    """Wait until a window with the file's name is there, and make it fill the screen."""
    for _ in range(60):
        found = subprocess.run(
            ["xdotool", "search", "--name", title],
            env=environment, capture_output=True, text=True, check=False,
        ).stdout.split()  # fmt: skip
        if found:
            break
        time.sleep(1)
    else:
        raise RuntimeError(f"GIMP shows no window called {title}")
    time.sleep(4)
    width, height = SCREEN.split("x")
    for action in (["windowmove", found[-1], "0", "0"], ["windowsize", found[-1], width, height]):
        subprocess.run(["xdotool", *action], env=environment, check=True)
    subprocess.run(["xdotool", "windowfocus", found[-1]], env=environment, check=True)
    time.sleep(3)


def press(environment: dict, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        subprocess.run(["xdotool", "key", key], env=environment, check=True)
        time.sleep(2)


def click(environment: dict, x: int, y: int, times: int = 1) -> None:
    """Click somewhere on the screen."""
    words = ["mousemove", str(x), str(y), "click", "--repeat", str(times), "1"]
    subprocess.run(["xdotool", *words], env=environment, check=True)
    time.sleep(2)


def write(environment: dict, text: str) -> None:
    """Type a text."""
    subprocess.run(["xdotool", "type", text], env=environment, check=True)
    time.sleep(2)


def photograph(environment: dict, name: str, window: str, crop: str) -> None:
    """Save a part of a window in 64 colours, which keeps the file small."""
    OUT.mkdir(exist_ok=True)
    command = ["import", "-window", window, "-crop", crop, "+repage", "+dither", "-colors", "64"]
    subprocess.run([*command, f"png8:{OUT / name}"], env=environment, check=True)
    print(name, (OUT / name).stat().st_size, "bytes")


def main() -> None:
    """Make all screenshots."""
    data = dataset.load(REPOSITORY / "data")
    row = next(data.manifest.query("body_part == 'hand'").head(1).itertuples())
    image, mask = dataset.read_pair(data.folder, row)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "gimp" / "palettes").mkdir(parents=True)
        shutil.copy(
            REPOSITORY / "docs" / "gimp" / "xnet.gpl", home / "gimp" / "palettes" / "XNet.gpl"
        )
        for name, text in SETTINGS.items():
            (home / "gimp" / name).write_text(text, encoding="utf-8")
        project = masks.write_project(home / "hand_mask.xcf", image, mask)
        with screen(home) as environment, gimp(environment, project) as keys:
            keys("2", "e")
            click(environment, *ANTIALIASING)
            photograph(environment, "gimp-selection.png", "root", "188x200+0+212")
            keys("ctrl+shift+e", "ctrl+a")
            write(environment, "hand_mask.png")
            photograph(environment, "gimp-export.png", "Export Image", "700x40+0+0")
            keys("Escape", "F7", "F5")
            click(environment, *PALETTE)
            click(environment, *EDIT)
            photograph(environment, "gimp-painting.png", "root", "1180x760+0+0")


if __name__ == "__main__":
    main()
