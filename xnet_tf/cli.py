"""The front door: ``xnet COMMAND`` or ``python -m xnet_tf COMMAND``.

What the rooms offer on the command line is written there, in `xnet_io.commands` and
`xnet_study.commands`; here is what all have in common.
What computes is loaded when a command runs, so that help and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import importlib
import sys

import xnet_tf
from xnet_tf.files import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: words of the command line; by default the process's own.

    Returns:
        Exit status: 0, or what the command itself says; 2 if an input cannot be used, and 130 if
        the user interrupts; then one line on the standard error says so.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what the terminal cannot show; a notebook shows everything.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except (InputError, OSError, FloatingPointError) as error:
        print(f"xnet: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"xnet: {error.name} is missing: pip install 'xnet-tf[study]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("xnet: interrupted; the same command begins anew or goes on", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="xnet", description="XNet: X-ray images into open beam, soft tissue and bone."
    )
    parser.add_argument("--version", action="version", version=f"xnet {xnet_tf.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for room in ("xnet_io.commands", "xnet_study.commands"):
        importlib.import_module(room).add_commands(commands)
    return parser
