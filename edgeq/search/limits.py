"""What a user can spend and lose, and how far from that a trial is."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.errors import EdgeqError
from edgeq.search.trial import Trial

LEAST_SQNR = 20.0
"""dB. Class flips on the few samples at hand are a bad rule to stop by; the SQNR on samples held out is a good one."""


@dataclass(frozen=True)
class Limits:
    """None: not limited.

    Attributes:
        flash: bytes.
        ram: bytes.
        cycles: of a run.
        max_drop: points of top-1 that may be lost; needs labels.
        min_sqnr: dB, of the first output before a softmax.
    """

    flash: int | None = None
    ram: int | None = None
    cycles: int | None = None
    max_drop: float | None = None
    min_sqnr: float = LEAST_SQNR

    def __post_init__(self) -> None:
        for name in ("flash", "ram", "cycles"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise EdgeqError(f"{name} of {value:,}; accepted: 1 or more")

    @property
    def budgets(self) -> tuple[str, ...]:
        """The names of what may not be exceeded."""
        return tuple(name for name in ("flash", "ram", "cycles") if getattr(self, name) is not None)

    def fits(self, trial: Trial) -> bool:
        """Whether a trial takes no more than there is."""
        return self.excess(trial) <= 0

    def excess(self, trial: Trial) -> float:
        """By how much a trial passes the budgets, as a share of each: the largest; 0 or less where it fits."""
        shares = [(getattr(trial, n) or 0) / getattr(self, n) - 1 for n in self.budgets]
        return max(shares, default=0.0)

    def accurate(self, trial: Trial) -> bool:
        """Whether a trial loses no more than it may."""
        kept = self.max_drop is None or trial.drop is None or trial.drop <= self.max_drop
        return kept and trial.sqnr >= self.min_sqnr

    def loss(self, trial: Trial) -> float:
        """How far a trial is from being accurate enough, in dB and points together; 0 where it is."""
        lost = max(0.0, self.min_sqnr - trial.sqnr)
        return lost + (max(0.0, trial.drop - self.max_drop) if self.max_drop is not None and trial.drop else 0.0)

    def best(self, trials: Sequence[Trial]) -> Trial:
        """The most accurate that fits the budgets; where there are none, the smallest that is accurate enough.

        Raises:
            EdgeqError: where there is none, with what comes nearest.
        """
        met = [trial for trial in trials if self.fits(trial) and self.accurate(trial)]
        if not met:
            raise EdgeqError(self._nearest(trials))
        if self.budgets:
            return max(met, key=lambda t: (t.sqnr, -t.flash))
        return min(met, key=lambda t: (t.flash, t.cycles or 0, -t.sqnr))

    def _nearest(self, trials: Sequence[Trial]) -> str:
        """What was asked for, the nearest that was found, and what would be accepted."""
        accurate = [trial for trial in trials if self.accurate(trial)]
        fitting = [trial for trial in trials if self.fits(trial)]
        found, accepted = [], []
        if accurate and self.budgets:
            near = min(accurate, key=lambda t: (self.excess(t), t.flash))
            found.append(f"the smallest that is accurate enough takes {describe(near)}")
            accepted.append(" with ".join(f"--{n} {getattr(near, n)}" for n in self.budgets))
        if fitting:
            near = min(fitting, key=self.loss)
            found.append(f"the most accurate{' that fits' if self.budgets else ''} has {describe(near)}")
            accepted.append(_accuracy_options(self, near))
        if not found:
            near = min(trials, key=lambda t: (self.excess(t), self.loss(t)))
            found.append(f"the nearest takes {describe(near)}")
            budgets = " with ".join(f"--{n} {getattr(near, n)}" for n in self.budgets)
            accepted.append(f"{budgets} with {_accuracy_options(self, near)}")
        return f"nothing of {len(trials)} tried has {self}; {'; '.join(found)}; accepted: {' or '.join(accepted)}"

    def __str__(self) -> str:
        budgets = [f"{name} of at most {getattr(self, name):,}" for name in self.budgets]
        if self.max_drop is not None:
            budgets.append(f"at most {self.max_drop:g} points of top-1 lost")
        return ", ".join([*budgets, f"an SQNR of at least {self.min_sqnr:g} dB"])


def describe(trial: Trial) -> str:
    """What a trial takes and loses, in words."""
    parts = [f"{trial.flash:,} bytes of flash", f"{trial.ram:,} bytes of RAM"]
    if trial.cycles is not None:
        parts.append(f"{trial.cycles:,} cycles")
    parts.append(f"an SQNR of {trial.sqnr:.1f} dB")
    if trial.drop is not None:
        parts.append(f"a drop of {trial.drop:.2f} points")
    return ", ".join(parts)


def _accuracy_options(limits: Limits, trial: Trial) -> str:
    """Limits of accuracy that a trial keeps."""
    options = []
    if trial.sqnr < limits.min_sqnr:
        options.append(f"--min-sqnr {int(trial.sqnr * 10 // 1) / 10:g}")
    if limits.max_drop is not None and trial.drop is not None and trial.drop > limits.max_drop:
        options.append(f"--max-drop {-int(-trial.drop * 100 // 1) / 100:g}")
    return " with ".join(options)
