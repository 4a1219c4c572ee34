"""Change the code in one place, see whether a test fails: ``python tests/mutants.py COPY [COUNT]``.

COPY is a clone of this repository, which is changed and restored; never the one that is worked in.
A seeded sample of the mutants of labels, transforms, metrics, calibration, thresholds and resuming
is tried, each against the tests of its module, in a process forked from one that has imported
TensorFlow already. ``mutants.csv`` in COPY gets a row for each; a second call tries the rest.
"""

from __future__ import annotations

import ast
import copy
import csv
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SEED, COUNT, LONGEST = 27, 400, 60
"""Of the sample, how many, and the processor seconds beyond which a mutant counts as killed."""

TESTS = {
    "xnet_tf/classes.py": ("classes palettes", "own_classes dataset"),
    "xnet_io/masks.py": ("masks mask_files", "xcf_writer own_classes importing segment_runs"),
    "xnet_tf/transforms.py": ("transforms presets", "own_classes"),
    "xnet_tf/metrics.py": ("metrics intervals scoring", "evaluation confidence"),
    "xnet_tf/calibration.py": ("calibration thresholds", "recalibration streaming"),
    "xnet_tf/thresholds.py": ("thresholds postprocessing", "choices streaming"),
    "xnet_tf/checkpoints.py": ("checkpoints", "training"),
}
"""Module -> names of its test files, and of others that what survives those has to pass."""

SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.And: ast.Or, ast.Or: ast.And,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.USub: ast.UAdd,
}  # fmt: skip
"""Operator -> what it becomes."""


def places(tree: ast.AST) -> Iterator[tuple[list[int], str]]:
    """Yield where a module can be changed, as a path of child numbers, and how."""

    def walk(node: ast.AST, path: list[int]) -> Iterator[tuple[list[int], str]]:
        if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield path, "operator"
        elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.AugAssign)):
            if type(node.op) in SWAPS:
                yield path, "operator"
            elif isinstance(node.op, ast.Not):
                yield path, "not"
        elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
            yield path, "constant"
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
            yield path, "condition"
        elif isinstance(node, ast.Return) and node.value is not None:
            yield path, "return"
        elif isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise)) and not (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            yield path, "statement"
        for number, child in enumerate(ast.iter_child_nodes(node)):
            # Types are not run, and what messages say is prose.
            if isinstance(node, ast.JoinedStr) or child is getattr(node, "annotation", None):
                continue
            if child is getattr(node, "returns", None) or isinstance(node, ast.Raise):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            yield from walk(child, [*path, number])

    inside = [(n, child) for n, child in enumerate(ast.iter_child_nodes(tree))]
    for number, child in inside:
        is_type = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        is_import = isinstance(child, (ast.Import, ast.ImportFrom))
        is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not (is_type or is_import or is_text):
            yield from walk(child, [number])


def mutate(tree: ast.Module, path: list[int], how: str) -> tuple[str, int, str]:
    """Change a copy of a module. Returns its source, the line, and what was changed to what."""
    tree = copy.deepcopy(tree)
    parent, node = None, tree
    for number in path:
        parent, node = node, list(ast.iter_child_nodes(node))[number]
    before, line = ast.unparse(node), node.lineno
    changed = _changed(node, how)
    for name, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, name, changed)
        elif isinstance(value, list) and any(one is node for one in value):
            value[[one is node for one in value].index(True)] = changed
    ast.fix_missing_locations(tree)
    return (
        ast.unparse(tree),
        line,
        f"{before.splitlines()[0]} -> {ast.unparse(changed).splitlines()[0]}",
    )


def _changed(node: ast.AST, how: str) -> ast.AST:
    if how == "operator":
        if isinstance(node, ast.Compare):
            node.ops[0] = SWAPS[type(node.ops[0])]()
        else:
            node.op = SWAPS[type(node.op)]()
    elif how == "not":
        return node.operand
    elif how == "constant":
        value = node.value
        return ast.Constant(not value if isinstance(value, bool) else value + 1)
    elif how == "condition":
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif how == "return":
        return ast.Return(ast.Constant(None))
    else:
        return ast.Pass()
    return node


def sample(folder: Path, count: int) -> list[tuple[str, list[int], str]]:
    """Draw mutants of all modules, each as likely: module, place and kind."""
    every = [
        (module, path, how)
        for module in TESTS
        for path, how in places(ast.parse((folder / module).read_text(encoding="utf-8")))
    ]
    return random.Random(SEED).sample(every, min(count, len(every)))


def survives(folder: Path, module: str, source: str, names: str) -> str:
    """Run tests of a changed module in a forked process: "survived", "killed" or "hung"."""
    original = (folder / module).read_text(encoding="utf-8")
    files = [str(folder / f"tests/test_{name}.py") for name in names.split()]
    try:
        (folder / module).write_text(source, encoding="utf-8")
        process = os.fork()
        if not process:
            resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            import pytest

            # XLA compiles for long what is then compared with the changed module itself.
            chosen = ["-m", "not slow", "-k", "not xla"]
            options = ["-x", "-q", "-p", "no:cacheprovider", *chosen, "--rootdir", "."]
            os._exit(int(pytest.main([*options, *files])))
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status):
            return "hung"
        return "survived" if status == 0 else "killed"
    finally:
        (folder / module).write_text(original, encoding="utf-8")


def main(folder: Path, count: int) -> None:
    """Try the sample, print what survives, and how many were killed."""
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(folder / "tests")]
    sys.dont_write_bytecode = True
    import hypothesis  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import pytest  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import skimage.draw  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import tensorflow  # noqa: F401

    table = folder / "mutants.csv"
    rows = list(csv.reader(table.open())) if table.exists() else []
    tried = {tuple(row[:3]): row[-1] for row in rows}
    for module, path, how in sample(folder, count):
        tree = ast.parse((folder / module).read_text(encoding="utf-8"))
        source, line, what = mutate(tree, path, how)
        key = module, ".".join(map(str, path)), how
        if key in tried or source == ast.unparse(tree):  # a return of None stays one
            continue
        begin = time.monotonic()
        for names in TESTS[module]:
            result = survives(folder, module, source, names)
            if result != "survived":
                break
        tried[key] = result
        with table.open("a") as stream:
            seconds = f"{time.monotonic() - begin:.1f}"
            csv.writer(stream).writerow([*key, line, what, seconds, result])
        print(len(tried), result, f"{module}:{line}", what, seconds, flush=True)
    killed = sum(result != "survived" for result in tried.values())
    print(f"{killed} of {len(tried)} mutants killed")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else COUNT)
