"""Files: radiographs, masks and GIMP projects in and out, and data sets made of them.

Importing this package is quick; what reads files is loaded when it is first used.

Example:
    >>> import xnet_io, xnet_tf                                 # doctest: +SKIP
    >>> image = xnet_io.read("leg.dcm")                         # doctest: +SKIP
    >>> xnet_tf.segment(xnet_io.load_network(), image).labels   # doctest: +SKIP
"""

from __future__ import annotations

import importlib

_LAZY = {
    "import_masks": "importing",
    "load_network": "engines",
    "read": "radiographs",
    "read_mask": "masks",
    "write_mask": "masks",
    "write_project": "masks",
}
__all__ = sorted(_LAZY)


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_LAZY]
