"""XNet (Bullock et al. 2018), reproduced: X-ray images into open beam, soft tissue and bone.

Importing this package is quick and loads no TensorFlow; the modules that need it load it when they
are first used.
"""

from __future__ import annotations

import importlib
import os

__version__ = "0.1.0"

# TensorFlow reads this once, when it is imported; information about the processor is no news.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_LAZY = {
    "PRESETS": "presets",
    "build_xnet": "model",
    "load_weights": "weights",
    "save_weights": "weights",
    "segment": "inference",
    "train": "training",
}
__all__ = ["__version__", *sorted(_LAZY)]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_LAZY]
