"""A picture of an experiment as SVG: matched energy by appliance and model, so that a glance tells."""

from collections.abc import Sequence
from html import escape
from typing import Final

from chowon.bench.nilm.run import Results, Row

_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito's, which the colour-blind can tell apart"""
_LEFT, _WIDTH, _BAR, _GAP, _TOP = 170, 500, 11, 12, 50
_FONT: Final = "font-family='sans-serif' font-size='12' fill='#222'"


def matched_energy_svg(results: Results) -> str:
    """Bars from 0 to 1 for every model but zero, which matches nothing, of the appliances that ran."""
    shown = [row for row in results.rows if row.model != "zero" and _ran(row)]
    models = list(dict.fromkeys(row.model for row in shown))
    colours = {model: _COLOURS[n % len(_COLOURS)] for n, model in enumerate(models)}
    parts, y = [*_scale(), *_legend(colours)], _TOP
    several = len({row.home for row in shown}) > 1
    for kind in dict.fromkeys((row.home, row.kind) for row in shown):
        rows = [row for row in shown if (row.home, row.kind) == kind]
        named = kind[1].replace("_", " ") + (f", {kind[0]}" if several else "")
        parts.append(_text(_LEFT - 8, y + len(rows) * _BAR / 2 + 4, named, "end"))
        for row in rows:
            parts.append(_bar(y, row, colours[row.model]))
            y += _BAR
        y += _GAP
    size = f"width='{_LEFT + _WIDTH + 60}' height='{y}'"
    title = f"<title>{escape(results.title)}: matched energy, 0 to 1</title>"
    ground = "<rect width='100%' height='100%' fill='#fff'/>"
    return (
        "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' {size}>", title, ground, *parts, "</svg>"])
        + "\n"
    )


def _ran(row: Row) -> bool:
    runs = row.figures["runs"]
    return runs is not None and runs.mean > 0


def _bar(y: float, row: Row, colour: str) -> str:
    spread = row.figures["matched_energy"]
    value = 0.0 if spread is None else spread.mean
    bar = f"<rect x='{_LEFT}' y='{y:g}' width='{value * _WIDTH:.1f}' height='{_BAR - 2}' fill='{colour}'/>"
    return bar + _text(_LEFT + value * _WIDTH + 4, y + _BAR - 2, f"{value:.2f}", "start", 9)


def _scale() -> list[str]:
    lines = []
    for tenth in range(0, 11, 2):
        x = _LEFT + _WIDTH * tenth / 10
        lines.append(f"<line x1='{x:g}' x2='{x:g}' y1='{_TOP - 6}' y2='100%' stroke='#ddd'/>")
        lines.append(_text(x, _TOP - 10, f"{tenth / 10:g}", "middle", 10))
    return lines


def _legend(colours: dict[str, str]) -> Sequence[str]:
    parts = []
    apart = min(110.0, (_WIDTH + 60) / max(1, len(colours)))
    for n, (model, colour) in enumerate(colours.items()):
        x = _LEFT + apart * n
        parts.append(f"<rect x='{x:g}' y='10' width='12' height='12' fill='{colour}'/>")
        parts.append(_text(x + 17, 20, model, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    font = _FONT.replace("12", str(size))
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {font}>{escape(text)}</text>"
