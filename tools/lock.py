"""Write the exact versions of every requirements file: ``make lock``."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {
    "requirements.txt": [
        "pyproject.toml",
        *("--extra", "comparison"),
        *("--extra", "notebooks"),
        *("--extra", "dev"),
    ],
    "requirements-figures.txt": ["requirements-figures.in", "--constraint", "requirements.txt"],
    "simulation/requirements.txt": ["simulation/requirements.in"],
    "benchmarks/requirements-imgaug.txt": [
        "benchmarks/requirements-imgaug.in",
        "--override",
        "benchmarks/overrides-imgaug.txt",
    ],
    "benchmarks/requirements-albumentations.txt": ["benchmarks/requirements-albumentations.in"],
}

for output, arguments in LOCKS.items():
    command = [sys.executable, "-m", "uv", "pip", "compile", *arguments, "--output-file", output]
    command += ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest", "--quiet"]
    command += ["--custom-compile-command", "make lock"]
    subprocess.run(command, cwd=ROOT, check=True)
    print(output)
