"""A pipeline as a picture: one self-contained SVG without script, style sheet or outside reference."""

import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from vectorflow_topology.document import DEFAULT_PORT, Component, Document, Edge, Position
from vectorflow_topology.importer import auto_layout

WIDTH, HEIGHT, MARGIN = 200.0, 60.0, 24.0

_COLOURS = {
    "source": ("#e6f4f1", "#0f766e"),
    "transform": ("#eef2ff", "#4338ca"),
    "sink": ("#fff7ed", "#c2410c"),
}
_FONT = 'font-family="ui-sans-serif, system-ui, sans-serif"'
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 26


def as_svg(document: Document, title: str) -> str:
    """Return the picture, laid out as the document says, or from left to right where it does not."""
    layout = _layout(document)
    left = min((place.x for place in layout.values()), default=0.0) - MARGIN
    top = min((place.y for place in layout.values()), default=0.0) - MARGIN
    width = max((place.x for place in layout.values()), default=0.0) + WIDTH + MARGIN - left
    height = max((place.y for place in layout.values()), default=0.0) + HEIGHT + MARGIN - top
    box = f"{left:g} {top:g} {width:g} {height:g}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{width:g}" height="{height:g}"'
        f' role="img" aria-label={quoteattr(_clean(title))}>',
        f"<title>{_text(title)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"'
        ' orient="auto"><path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>',
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" fill="#ffffff"/>',
    ]
    lines.extend(line for edge in document.edges for line in _edge(edge, layout))
    lines.extend(line for each in document.components for line in _box(each, layout[each.id]))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _layout(document: Document) -> Mapping[str, Position]:
    if all(each.id in document.layout for each in document.components):
        return {each.id: document.layout[each.id] for each in document.components}
    return auto_layout(document.components, document.edges)


def _edge(edge: Edge, layout: Mapping[str, Position]) -> Iterator[str]:
    if edge.source not in layout or edge.target not in layout:
        return
    start, end = layout[edge.source], layout[edge.target]
    x1, y1, x2, y2 = start.x + WIDTH, start.y + HEIGHT / 2, end.x, end.y + HEIGHT / 2
    bend = max(40.0, abs(x2 - x1) / 2)
    yield (
        f'<path d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}" fill="none"'
        ' stroke="#64748b" stroke-width="1.5" marker-end="url(#arrow)"/>'
    )
    if edge.port != DEFAULT_PORT:
        x, y = x1 + (x2 - x1) * 0.5, y1 + (y2 - y1) * 0.5 - 6
        yield (
            f'<text x="{x:g}" y="{y:g}" {_FONT} font-size="11" text-anchor="middle" fill="#334155"'
            f' stroke="#ffffff" stroke-width="3" paint-order="stroke">{_text(edge.port)}</text>'
        )


def _box(component: Component, place: Position) -> Iterator[str]:
    fill, stroke = _COLOURS[component.kind]
    dashes = "" if component.enabled else ' stroke-dasharray="5 4" opacity="0.6"'
    middle = place.x + WIDTH / 2
    about = (
        f"{component.kind} {component.id}, {component.type}{'' if component.enabled else ', switched off'}"
    )
    yield f"<g{dashes}><title>{_text(about)}</title>"
    yield (
        f'<rect x="{place.x:g}" y="{place.y:g}" width="{WIDTH:g}" height="{HEIGHT:g}" rx="8"'
        f' fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'
    )
    yield (
        f'<text x="{middle:g}" y="{place.y + 26:g}" {_FONT} font-size="14" font-weight="600"'
        f' text-anchor="middle" fill="#0f172a">{_text(_short(component.id))}</text>'
    )
    yield (
        f'<text x="{middle:g}" y="{place.y + 45:g}" {_FONT} font-size="12" text-anchor="middle"'
        f' fill="{stroke}">{_text(_short(component.type))}</text></g>'
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(text: str) -> str:
    return escape(_clean(text))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
