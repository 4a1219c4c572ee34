"""``python -m xnet_tf``: see `xnet_tf.cli`."""

from __future__ import annotations

from xnet_tf.cli import main

raise SystemExit(main())
