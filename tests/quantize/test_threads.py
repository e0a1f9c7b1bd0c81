"""BLAS has one thread while a model is quantized, and as many as before when it is done."""

from collections.abc import Callable

from small_nets import NETS, calibration
from threadpoolctl import threadpool_info, threadpool_limits

from edgeq.fixedpoint import Rounding
from edgeq.quantize.quantizer import quantize
from edgeq.quantize.scheme import Scheme


def _threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_one_thread_while_quantizing_and_as_many_as_before_behind() -> None:
    seen = []

    def track(_: str, __: int) -> Callable[[], None]:
        seen.append(_threads())
        return lambda: None

    graph = NETS["residual"]()
    with threadpool_limits(2, user_api="blas"):
        before = _threads()
        quantize(graph, calibration(graph, 4), Scheme(), Rounding.SINGLE, track)
        assert _threads() == before
    assert len(seen) > 1
    assert all(found <= {1} for found in seen)
