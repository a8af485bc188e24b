"""The clusters by time and by group: how much of each there is when, and for whom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..clusters.representation import compare_parts, compare_periods, cross_counts
from ..clusters.rows import ALL


MOST_GROUPS = 20  # that are compared; the others of a column count as one
OTHERS = "all others"
NO_GROUP = "(none)"
LONGEST = {"D": 62, "W": 62, "M": 120}  # periods that are shown at most, in NumPy's units
NAMES = {"D": "day", "W": "week", "M": "month", "Y": "year"}
FEWEST = 10  # texts of a period whose shares say something
PER_CLUSTER = 5  # texts of each cluster in a period, which make a curve that can be read
FEW = 6  # periods that make a curve
THURSDAY = 3  # days that 1970-01-01 comes after its week's Monday
MOST_TOLD = 3  # clusters that a sentence names


@dataclass(frozen=True, eq=False)
class Cut:
    """The clusters' documents by the parts of one column.

    Args:
        column (`str`): Its name.
        names (`list[str]` of length `num_parts`): Of the parts.
        parts (`np.ndarray` of shape `(num_usable,)`): Part of each document, -1 for none.
        counts (`np.ndarray` of shape `(num_clusters, num_parts)`): Documents of each.
    """

    column: str
    names: list[str]
    parts: np.ndarray
    counts: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Share of each part that lies in each cluster, `(num_clusters, num_parts)`."""
        return self.counts / self.counts.sum(axis=0).clip(min=1)


@dataclass(frozen=True, eq=False)
class Groups(Cut):
    """The same by groups, compared with each other.

    Args:
        ratios (`np.ndarray` of shape `(num_clusters, num_parts)`): By how many are expected.
        are_significant (`np.ndarray` of shape `(num_clusters, num_parts)`): Whether chance alone
            would not give that (`compare_parts`).
    """

    ratios: np.ndarray
    are_significant: np.ndarray

    def tell(self, labels: Sequence[str]) -> list[tuple[str, str]]:
        """Which groups have more of which clusters, for people: a title and what it heads; nothing
        where no group has.
        """
        more = self.are_significant & (self.ratios > 1)
        excess = np.where(more, self.counts * (1 - 1 / self.ratios.clip(min=1)), 0)
        order = np.argsort(-excess, axis=None, kind="stable")[: more.sum()]
        cells = np.column_stack(np.unravel_index(order, more.shape)).tolist()
        told = [
            f"{self.names[g]} in {labels[c]} ({self.ratios[c, g]:.1f} times the expected)"
            for c, g in cells[:MOST_TOLD]
        ]
        rest = f" and {len(cells) - MOST_TOLD} more" if len(cells) > MOST_TOLD else ""
        return [(f"More by {self.column}", f"{'; '.join(told)}{rest}")] if told else []


@dataclass(frozen=True, eq=False)
class Trend(Cut):
    """The same by periods of time that follow each other, empty ones among them.

    Args:
        period (`str`): `"day"`, `"week"`, `"month"` or `"year"`.
        z (`np.ndarray` of shape `(num_clusters,)`): Above 0 for clusters whose share grows.
        are_changing (`np.ndarray` of shape `(num_clusters,)`): Whether chance alone would not give
            that (`compare_periods`), and the later half of the periods bears it out.
    """

    period: str
    z: np.ndarray
    are_changing: np.ndarray

    @property
    def are_known(self) -> np.ndarray:
        """Which periods hold enough texts for their shares to say something, `(num_periods,)`."""
        return self.counts.sum(axis=0) >= FEWEST

    @property
    def halves(self) -> np.ndarray:
        """Share of each cluster in the earlier and in the later half of the periods,
        `(num_clusters, 2)`.
        """
        middle = (len(self.names) + 1) // 2
        halves = np.stack([self.counts[:, :middle].sum(1), self.counts[:, middle:].sum(1)], axis=1)
        return halves / halves.sum(axis=0).clip(min=1)

    def row(self, cluster: int) -> dict[str, Any]:
        """What is known of one cluster: `counts`, `z`, and the `change` that it makes, `"growing"`,
        `"fading"` or `None`.
        """
        z = float(self.z[cluster])
        change = ("growing" if z > 0 else "fading") if self.are_changing[cluster] else None
        return {"counts": self.counts[cluster].tolist(), "z": z, "change": change}

    def tell(self, labels: Sequence[str]) -> list[tuple[str, str]]:
        """What grows and fades, for people: titles and what they head; nothing where nothing
        does.
        """
        lines = []
        for direction, title in ((1, "Growing"), (-1, "Fading")):
            order = np.argsort(-direction * self.z, kind="stable")
            found = [c for c in order if self.are_changing[c] and direction * self.z[c] > 0]
            told = [
                f"{labels[c]} ({self.halves[c, 0]:.1%} to {self.halves[c, 1]:.1%})"
                for c in found[:MOST_TOLD]
            ]
            more = f" and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
            lines += [(title, f"{'; '.join(told)}{more}")] if told else []
        return lines


def cut_by_group(
    column: str,
    values: np.ndarray,
    clusters: np.ndarray,
    num_clusters: int,
    counted: np.ndarray | slice = ALL,
) -> Groups | None:
    """Clusters by the groups of a column, the largest group first; `None` where all are one.

    Args:
        column (`str`): Its name.
        values (`np.ndarray` of shape `(num_usable,)`): Group of each document.
        clusters (`np.ndarray` of shape `(num_usable,)`): Cluster of each document.
        num_clusters (`int`): How many there are.
        counted (`np.ndarray`, *optional*): Rows that are counted. Unset: all.
    """
    found, numbers, sizes = np.unique(values, return_inverse=True, return_counts=True)
    if len(found) < 2:
        return None
    order = np.argsort(-sizes, kind="stable")
    names = [str(found[place]).strip() or NO_GROUP for place in order]
    parts = np.argsort(order)[numbers]
    if len(names) > MOST_GROUPS:
        names = [*names[: MOST_GROUPS - 1], OTHERS]
        parts = np.minimum(parts, MOST_GROUPS - 1)
    counts = cross_counts(clusters[counted], parts[counted], num_clusters, len(names))
    return Groups(column, names, parts, counts, *compare_parts(counts))


def cut_by_time(
    column: str,
    times: np.ndarray,
    clusters: np.ndarray,
    num_clusters: int,
    counted: np.ndarray | slice = ALL,
) -> Trend | None:
    """Clusters by day, week, month or year (`choose_unit`); `None` where all lie in one.

    Args:
        column (`str`): Its name.
        times (`np.ndarray` of shape `(num_usable,)`): When each document was written, `NaT` where
            nobody knows.
        clusters (`np.ndarray` of shape `(num_usable,)`): Cluster of each document.
        num_clusters (`int`): How many there are.
        counted (`np.ndarray`, *optional*): Rows that are counted. Unset: all.
    """
    known = ~np.isnat(times)
    if not known.any():
        return None
    unit = choose_unit(times[known], num_clusters)
    periods = number_periods(times, unit)
    first, last = periods[known].min(), periods[known].max()
    if first == last:
        return None
    names = [name_period(number, unit) for number in range(first, last + 1)]
    parts = np.where(known, periods - first, -1)
    counts = cross_counts(clusters[counted], parts[counted], num_clusters, len(names))
    z, are_significant = compare_periods(counts)
    trend = Trend(column, names, parts, counts, NAMES[unit], z, are_significant)
    gained = trend.halves[:, 1] - trend.halves[:, 0]
    return replace(trend, are_changing=are_significant & (z * gained > 0))


def choose_unit(times: np.ndarray, num_clusters: int = 1) -> str:
    """NumPy's unit of the periods that times are shown by: the shortest of which there are not too
    many, and not too few texts of each cluster in each, or else not too few texts.

    Example:
        >>> choose_unit(np.arange("2024-01-01", "2024-06-30", dtype="datetime64[h]"))
        'W'
    """
    spans = [np.ptp(number_periods(times, unit)) + 1 for unit in LONGEST]
    for least, fewest in ((FEW, max(FEWEST, PER_CLUSTER * num_clusters)), (1, FEWEST)):
        for (unit, most), count in zip(LONGEST.items(), spans, strict=True):
            if least <= count <= most and len(times) >= fewest * count:
                return unit
    return "Y"


def number_periods(times: np.ndarray, unit: str) -> np.ndarray:
    """Period of each time, counted from that of 1970-01-01, which is 0."""
    if unit == "W":  # NumPy's begin on a Thursday
        return (times.astype("datetime64[D]").astype(int) + THURSDAY) // 7
    return times.astype(f"datetime64[{unit}]").astype(int)


def name_period(number: int, unit: str) -> str:
    """A period as ISO 8601 writes it; a week by its Monday.

    Example:
        >>> name_period(650, "M"), name_period(2834, "W")
        ('2024-03', '2024-04-22')
    """
    if unit == "W":
        number, unit = 7 * number - THURSDAY, "D"
    return str(np.array(number).astype(f"datetime64[{unit}]"))
