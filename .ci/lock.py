"""Write the exact versions and hashes of every requirements file: ``make lock``."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ("pyproject.toml", "--extra", "notebooks")
SAME_VERSIONS = ("--constraint", "requirements.txt")


def compile_lock(output: str, *arguments: str) -> None:
    """Write one requirements file for every platform; versions in it stay where they still fit."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *arguments, "--output-file", output]
    command += ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest", "--quiet"]
    command += ["--generate-hashes", "--custom-compile-command", "make lock"]
    subprocess.run(command, cwd=ROOT, check=True)
    print(output)


def entries(lock: str) -> dict[str, str]:
    """Return a lock's entries by first line, as ``colorama==0.4.6 ; sys_platform == 'win32'``."""
    text = (ROOT / lock).read_text()
    return {
        entry.splitlines()[0]: entry for entry in re.split(r"^(?=\S)", text, flags=re.M) if entry
    }


def leave_out(output: str, lock: str) -> None:
    """Take from a requirements file what another one, installed before, has in the same words."""
    installed = {line for line in entries(lock) if not line.startswith("#")}
    kept = [entry for line, entry in entries(output).items() if line not in installed]
    (ROOT / output).write_text("".join(kept))


locks = [*ROOT.glob("requirements*.txt"), *ROOT.glob("[bs]*/requirements*.txt")]
before = {path: (path.read_bytes(), path.stat()) for path in locks}

compile_lock("requirements.txt", *NOTEBOOKS)
compile_lock(
    "requirements-cuda.txt",
    *(*NOTEBOOKS, "requirements-cuda.in", *SAME_VERSIONS, "--no-emit-package", "tensorflow-cpu"),
)
compile_lock("requirements-dev.txt", "pyproject.toml", "--extra", "dev", *SAME_VERSIONS)
leave_out("requirements-dev.txt", "requirements.txt")
compile_lock(
    "requirements-elasticdeform.txt",
    *("requirements-elasticdeform.in", "--no-deps"),
    *("--no-binary", "elasticdeform", "--emit-build-options"),
)
compile_lock("requirements-slides.txt", "requirements-slides.in", "--no-deps")
compile_lock("requirements-figures.txt", "requirements-figures.in", *SAME_VERSIONS)
compile_lock("requirements-book.txt", "requirements-book.in", *SAME_VERSIONS)
compile_lock("simulation/requirements.txt", "simulation/requirements.in")
compile_lock(
    "benchmarks/requirements-imgaug.txt",
    *("benchmarks/requirements-imgaug.in", "--override", "benchmarks/overrides-imgaug.txt"),
)
compile_lock(
    "benchmarks/requirements-albumentations.txt", "benchmarks/requirements-albumentations.in"
)

# What has not changed keeps its time, so that make sets nothing up anew.
for path, (content, state) in before.items():
    if path.read_bytes() == content:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
