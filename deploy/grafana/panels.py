"""What a dashboard is made of: rows of panels, each with its queries and their unit."""

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = "$__rate_interval"


@dataclass(frozen=True)
class Query:
    """PromQL, and how its series are called: `{{label}}` stands for a label's value."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """`unit` is Grafana's name of it; `kind` is `timeseries` or `stat`."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    says: str = ""
    stacked: bool = False


@dataclass(frozen=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """`name` is that of its file, and its address in Grafana."""

    name: str
    title: str
    rows: Sequence[Row]


def rate(counter: str, by: str = "", where: str = "") -> str:
    """Per second, summed over the replicas."""
    return f"sum{_by(by)} (rate({counter}{_where(where)}[{WINDOW}]))"


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """Of a histogram named without its `_bucket`, over the replicas."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', labels, where)})"


def mean(histogram: str, by: str = "", where: str = "") -> str:
    return f"{rate(f'{histogram}_sum', by, where)} / {rate(f'{histogram}_count', by, where)}"


def most(gauge: str, by: str = "", where: str = "") -> str:
    """Of what every replica shows alike."""
    return f"max{_by(by)} ({gauge}{_where(where)})"


def total(gauge: str, by: str = "", where: str = "") -> str:
    return f"sum{_by(by)} ({gauge}{_where(where)})"


def quantiles(histogram: str, by: str = "", where: str = "") -> tuple[Query, ...]:
    """Median and 95th percentile."""
    legend = "".join(f" {{{{{label.strip()}}}}}" for label in by.split(",") if label)
    return tuple(
        Query(quantile(share, histogram, by, where), f"p{share * 100:.0f}{legend}")
        for share in (0.5, 0.95)
    )


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def _where(selector: str) -> str:
    return f"{{{selector}}}" if selector else ""
