"""BLAS with one thread while weights are chosen.

The products there are many and small. Threads that share them wait for each other, on a machine that does other things
too ten times as long as one thread computes; and sums in another order would end in other weights.
"""

import functools
from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import ThreadpoolController


@functools.cache
def _libraries() -> Any:
    """Those that are loaded; finding them takes a while."""
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Until the end of the block; then as many as before."""
    limit: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limit
