"""What every part of `scripts/bench quality` reports: one figure, and what it should be at least."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`name` says what was measured on what; `aim` is None where the figure is told only."""

    name: str
    value: float
    aim: float | None = None
    unit: str = ""
    """Empty for a share from 0 to 1, shown with three decimals; else such as `MB/s`, shown with one."""

    def shown(self, value: float) -> str:
        """Write a value of this figure's kind for people."""
        return f"{value:.1f} {self.unit}" if self.unit else f"{value:.3f}"
