"""What kernels cost on a core: prices fitted to emulated runs, as data in `targets/prices/<core>.toml`.

`benchmarks/prices.py` makes these files.

[edgeq_dense_s8__dsp]
code = 812                  # bytes, -O2
error = 0.02                # of the fit: mean relative difference from the emulated cycles
cycles = { call = 95.0, output = 14.5, mac = 1.19 }
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edgeq import resources
from edgeq.records import read_record, read_toml
from edgeq.select import Machine, Prices
from edgeq.targets import Core


@dataclass(frozen=True)
class _PricesFile:
    """The keys of a kernel's table."""

    code: int
    error: float
    cycles: Mapping[str, float]


def machine_for(core: Core) -> Machine:
    """What kernels for a core are chosen by; without a file of prices, by their ISA alone.

    Raises:
        EdgeqError: where the file is wrong.
    """
    path = resources.TARGETS / "prices" / f"{core.name}.toml"
    tables = read_toml(path) if path.is_file() else {}
    files = {kernel: read_record(_PricesFile, table, f"{path}: {kernel}") for kernel, table in tables.items()}
    return Machine(core.name, core.isas, {kernel: Prices(f.cycles, f.code) for kernel, f in files.items()})
