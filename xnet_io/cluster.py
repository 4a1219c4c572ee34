"""Pictures segmented by the workers of a Dask cluster, which read and write the same folders.

Whoever starts scheduler and workers decides what the cluster is: `docs/scale.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from xnet_tf.files import InputError

_WAIT = "10s"


@contextmanager
def connected(address: str) -> Iterator[tuple[Callable[..., Any], int]]:
    """Connect to a scheduler.

    What a lost worker had in hand, the scheduler gives to another one.

    Args:
        address: of the scheduler, for instance ``tcp://10.0.0.1:8786``.

    Yields:
        A function that submits a call and returns its future; and how many calls run at a time.

    Raises:
        InputError: if no scheduler answers, it has no workers, or it is lost.
    """
    try:
        from distributed import Client
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker
    except ModuleNotFoundError:
        raise InputError("--dask needs a library: pip install 'xnet-tf[cluster]'") from None
    try:
        client = Client(address, timeout=_WAIT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"--dask {address}: no scheduler answers there ({type(error).__name__}); start one by "
            "`dask scheduler`, and give the address that it prints"
        ) from None
    with client:
        slots = sum(client.nthreads().values())
        if not slots:
            raise InputError(f"--dask {address}: has no workers; `dask worker {address}` makes one")
        try:
            yield (lambda *call: client.submit(*call, pure=False)), slots
        except (CommClosedError, FutureCancelledError):
            raise InputError(
                f"--dask {address}: the scheduler is lost; the same command goes on"
            ) from None
        except KilledWorker:
            raise InputError(
                f"--dask {address}: several workers died over one picture, perhaps for want of "
                "memory; the same command goes on"
            ) from None
