"""Fetch all packages for a computer room without internet: ``make wheelhouse``.

    python docs/teaching/wheelhouse.py [--system windows] [--python 3.12]

pip then installs from the folder alone: docs/teaching/computer-room.md. What is there already is
not fetched again.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dist" / "wheelhouse"

SYSTEMS = {
    "here": ({}, []),
    "windows": (
        {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows"}
        | {"platform_machine": "AMD64"},
        ["win_amd64"],
    ),
    "macos": (
        {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin"}
        | {"platform_machine": "arm64"},
        ["macosx_13_0_arm64"],
    ),
    "linux": (
        {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"}
        | {"platform_machine": "x86_64"},
        [f"manylinux{n}_x86_64" for n in ("_2_28", "_2_27", "_2_26", "_2_17", "2014", "2010", "1")],
    ),
}
"""What requirements ask about a system, and the names of its wheels."""


def needed(lock: str, environment: dict[str, str]) -> str:
    """Return the entries of a requirements file, hashes and all, that a system needs."""
    kept = []
    for entry in re.split(r"^(?=\S)", lock, flags=re.MULTILINE):
        requirement = re.sub(r"\\?\n.*", "", entry, flags=re.DOTALL).strip()
        if not requirement or requirement.startswith("#"):
            continue
        marker = Requirement(requirement).marker
        if marker is None or marker.evaluate(environment):
            kept.append(re.sub(r"^(\S+) ;[^\\\n]*", r"\1 ", entry))
    return "".join(kept)


def download(system: str, python: str) -> None:
    """Fetch the wheels of notebooks and slides, and what builds the project itself.

    Raises:
        subprocess.CalledProcessError: if pip fails.
    """
    settings, platforms = SYSTEMS[system]
    environment = default_environment() | settings
    environment |= {"python_version": python, "python_full_version": f"{python}.0"}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
    pip += ["--only-binary", ":all:", "--dest", str(FOLDER), "--python-version", python]
    for platform in platforms:
        pip += ["--platform", platform]
    builders = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]
    for name in ("requirements.txt", "requirements-slides.txt"):
        with tempfile.TemporaryDirectory() as folder:
            lock = Path(folder) / name
            lock.write_text(needed((ROOT / name).read_text("utf-8"), environment), "utf-8")
            subprocess.run([*pip, "--require-hashes", "--requirement", str(lock)], check=True)
    subprocess.run([*pip, "--quiet", *builders["requires"]], check=True)


def main() -> int:
    """Read the command line, fetch, and say how much there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", choices=tuple(SYSTEMS), default="here")
    parser.add_argument("--python", default=".".join(map(str, sys.version_info[:2])))
    options = parser.parse_args()
    try:
        download(options.system, options.python)
    except subprocess.CalledProcessError:
        print(
            "wheelhouse: pip could not fetch everything, see its message above; is there a "
            "network, and a Python from 3.11 to 3.13? Say it again, and pip goes on.",
            file=sys.stderr,
        )
        return 2
    wheels = list(FOLDER.glob("*.whl"))
    size = sum(path.stat().st_size for path in wheels) / 1e6
    print(f"{len(wheels)} packages, {size:.0f} MB: {FOLDER.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
