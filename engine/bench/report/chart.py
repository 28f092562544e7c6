"""A plot as SVG: two axes, lines, points with their intervals, and labels that keep clear of each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, floor, isfinite, log, log1p, log10

from attrs import define, field, frozen

from .markup import Html, el

WIDTH, HEIGHT = 400, 286
LEFT, RIGHT, TOP, BOTTOM = 68, 388, 12, 238
LABEL_HEIGHT, LETTER_WIDTH = 15.0, 7.0
"""A line of a label, and about how wide a letter of it is: enough to keep labels apart."""

SHAPES = (
    "M-4.5,0 A4.5,4.5 0 1 0 4.5,0 A4.5,4.5 0 1 0 -4.5,0 Z",
    "M-4.2,-4.2 H4.2 V4.2 H-4.2 Z",
    "M0,-5.4 L5.2,4 H-5.2 Z",
    "M0,-5.8 L5.2,0 L0,5.8 L-5.2,0 Z",
    "M0,5.4 L5.2,-4 H-5.2 Z",
    "M-5,-1.7 H-1.7 V-5 H1.7 V-1.7 H5 V1.7 H1.7 V5 H-1.7 V1.7 H-5 Z",
    "M-5.5,-3.2 H5.5 V3.2 H-5.5 Z",
    "M-3.2,-5.5 H3.2 V5.5 H-3.2 Z",
)
"""A shape for each line, so that it is told without its colour."""


@frozen
class Axis:
    """One direction: what it tells, from where to where; logarithmic, or so beyond `knee` and with a zero."""

    label: str
    low: float
    high: float
    knee: float | None = None
    is_share: bool = False

    def place(self, value: float) -> float:
        """Return where a value stands, from 0 to 1."""
        if self.knee is not None:
            return log1p(max(value, 0.0) / self.knee) / log1p(self.high / self.knee)
        return (log(min(max(value, self.low), self.high)) - log(self.low)) / (log(self.high) - log(self.low))

    def ticks(self) -> list[float]:
        """Return round values, few enough to be read."""
        first, last = floor(log10(self.knee or self.low)), ceil(log10(self.high))
        digits = (1, 2, 5) if last - first <= 2 else (1,)
        every = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        kept = [
            tick for tick in every if (self.knee or self.low) <= tick * (1 + 1e-9) and tick <= self.high * (1 + 1e-9)
        ]
        return [0.0, *kept] if self.knee is not None else kept

    def write(self, value: float) -> str:
        """Return a tick's label."""
        return f"{100 * value:g} %" if self.is_share else f"{value:,g}"


def series_class(number: int) -> str:
    """Return the class that gives a line its colour and its dashes."""
    return f"s{number % len(SHAPES)}"


def sample(number: int) -> Html:
    """Return a line as a legend shows it."""
    line = el("line", x1="0", x2="36", y1="7", y2="7", class_="line")
    return el("svg", line, _shape(number, 18, 7), class_=series_class(number), aria_hidden="true")


def _shape(number: int, x: float, y: float) -> Html:
    return el("path", d=SHAPES[number % len(SHAPES)], transform=f"translate({x:.1f} {y:.1f})", class_="dot")


@frozen
class Spot:
    """A point of a scatter with its name and its intervals."""

    name: str
    number: int
    x: tuple[float, float, float]
    y: tuple[float, float, float]


@define
class Plot:
    """What is drawn so far between two axes; the order of drawing is the order from the back."""

    x: Axis
    y: Axis
    _drawn: list[Html] = field(factory=list[Html])
    _boxes: list[tuple[float, float, float, float]] = field(factory=list[tuple[float, float, float, float]])

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point stands in the picture."""
        return LEFT + (RIGHT - LEFT) * self.x.place(x), BOTTOM - (BOTTOM - TOP) * self.y.place(y)

    def line(self, points: Sequence[tuple[float, float]], class_: str) -> None:
        """Draw a line through points."""
        told = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*point) for point in points))
        self._drawn.append(el("polyline", points=told, class_=f"line {class_}"))

    def steps(self, points: Sequence[tuple[float, float]], number: int) -> None:
        """Draw what falls at its points, and its shape at the last."""
        corners = [(late[0], early[1]) for early, late in pairwise(points)]
        told = [each for pair in zip(points, [*corners, points[-1]], strict=True) for each in pair]
        self.line(told, series_class(number))
        self._drawn.append(el("g", _shape(number, *self.at(*points[-1])), class_=series_class(number)))

    def limit(self, x: float, label: str) -> None:
        """Draw a threshold, and write beside it what it is."""
        place, _ = self.at(x, self.y.high)
        self._drawn.append(el("line", x1=place, x2=place, y1=str(TOP), y2=str(BOTTOM), class_="limit"))
        turned = f"translate({place - 5:.1f} {TOP + 4}) rotate(-90)"
        self._drawn.append(el("text", label, transform=turned, text_anchor="end", class_="limit-text"))

    def spots(self, spots: Iterable[Spot]) -> None:
        """Draw points; those that stand on each other have one label."""
        clusters: list[list[Spot]] = []
        for spot in spots:
            near = (each for each in clusters if self._is_near(each[0], spot))
            cluster = next(near, None)
            if cluster is None:
                clusters.append([spot])
            else:
                cluster.append(spot)
        places = [self.at(each[0].x[0], each[0].y[0]) for each in clusters]
        self._boxes.extend((x - 7, y - 7, x + 7, y + 7) for x, y in places)
        for cluster in clusters:
            self._draw(cluster)

    def _is_near(self, one: Spot, other: Spot) -> bool:
        (x, y), (x2, y2) = self.at(one.x[0], one.y[0]), self.at(other.x[0], other.y[0])
        return abs(x - x2) < 9 and abs(y - y2) < 9

    def _draw(self, cluster: Sequence[Spot]) -> None:
        x, y = self.at(cluster[0].x[0], cluster[0].y[0])
        for spot in cluster:
            (left, low), (right, high) = self.at(spot.x[1], spot.y[1]), self.at(spot.x[2], spot.y[2])
            bars = [
                el("line", x1=left, x2=right, y1=y, y2=y, class_="error"),
                el("line", x1=x, x2=x, y1=low, y2=high, class_="error"),
            ]
            self._drawn.append(el("g", *bars, _shape(spot.number, x, y), class_=series_class(spot.number)))
        self._label([spot.name for spot in cluster], x, y)

    def _label(self, names: Sequence[str], x: float, y: float) -> None:
        """Write names beside a point, where there is room: right, left, above or below."""
        width, height = LETTER_WIDTH * max(map(len, names)), LABEL_HEIGHT * len(names)
        middle = y - height / 2
        sides = [(x + 10, middle), (x - 10 - width, middle), (x - width / 2, y - 10 - height), (x - width / 2, y + 10)]
        sides += [(x + 10, y - 10 - height), (x - 10 - width, y - 10 - height)]
        left, top = next((side for side in sides if self._is_free(side, width, height)), sides[2])
        self._boxes.append((left, top, left + width, top + height))
        for number, name in enumerate(names):
            self._drawn.append(
                el("text", name, x=left, y=top + LABEL_HEIGHT * (number + 0.8), class_="limit-text")
            )  # fmt: skip

    def _is_free(self, side: tuple[float, float], width: float, height: float) -> bool:
        left, top = side
        right, bottom = left + width, top + height
        if left < LEFT + 2 or right > RIGHT or top < TOP or bottom > BOTTOM:
            return False
        return not any(left < x2 and x1 < right and top < y2 and y1 < bottom for x1, y1, x2, y2 in self._boxes)

    def write(self, told: str) -> Html:
        """Return the picture; `told` says it in words."""
        frame = el("path", d=f"M{LEFT},{TOP} V{BOTTOM} H{RIGHT}", class_="frame")
        across = [self._tick_x(tick) for tick in self.x.ticks()]
        up = [self._tick_y(tick) for tick in self.y.ticks()]
        middle = (LEFT + RIGHT) / 2
        names = [
            el("text", self.x.label, x=middle, y=str(HEIGHT - 10), text_anchor="middle"),
            el(
                "text",
                self.y.label,
                transform=f"translate(13 {(TOP + BOTTOM) / 2:g}) rotate(-90)",
                text_anchor="middle",
            ),
        ]
        view = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "class_": "plot", "role": "img", "aria_label": told}
        return el("svg", *across, *up, frame, *names, *self._drawn, **view)

    def _tick_x(self, tick: float) -> Html:
        x, _ = self.at(tick, self.y.high)
        line = el("line", x1=x, x2=x, y1=str(TOP), y2=str(BOTTOM + 4), class_="rule")
        return el("g", line, el("text", self.x.write(tick), x=x, y=str(BOTTOM + 18), text_anchor="middle"))

    def _tick_y(self, tick: float) -> Html:
        _, y = self.at(self.x.high, tick)
        line = el("line", x1=str(LEFT - 4), x2=str(RIGHT), y1=y, y2=y, class_="rule")
        return el("g", line, el("text", self.y.write(tick), x=str(LEFT - 8), y=y + 4, text_anchor="end"))


def bounds(values: Iterable[float], low: float, high: float) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite values, and at least `low` to `high`, with some room."""
    told = [value for value in values if isfinite(value) and value > 0]
    return min([low, *told]), 1.15 * max([high, *told])
