"""``python -m xnet_tf``: see `xnet_tf.cli`."""

from __future__ import annotations

from xnet_tf.cli import main

if __name__ == "__main__":  # not in processes that `xnet segment --jobs` starts
    raise SystemExit(main())
