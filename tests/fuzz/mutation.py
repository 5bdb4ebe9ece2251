"""Making new inputs out of known ones: bytes, numbers, lines and JSON trees, changed as liars do."""

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

LONGEST = 16 * 1024
"""Bytes of an input, but for the rare long one"""
LONGEST_RARE = 512 * 1024
RARELY = 0.004

_BYTES = bytes((0, 1, 7, 0x0A, 0x0D, 0x1B, 0x20, 0x22, 0x2C, 0x2F, 0x3D, 0x5C, 0x7F, 0x80, 0xC0, 0xFE, 0xFF))
_SIZES = (0, 1, 2, 4, 7, 8, 16, 100, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1)
_NUMBERS = (
    *("0", "-0", "-1", "00", "1.", ".5", "+1", "1_0", "0x10", "1e3", "1e308", "1e999", "-1e999", "1e-999"),
    *("NaN", "nan", "Infinity", "-inf", "9007199254740993", "2147483648", "-9223372036854775808"),
    *(
        "18446744073709551616",
        "4611686018427387904",
        "9" * 40,
        "9" * 400,
        "9" * 5000,
        "٣",
        "１２",
        "1795400000000",
    ),
    *("1795400000", "253402300800000", "-62135596800000", "1,5", "1 000"),
)
_TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "\r\n",
        "\t",
        '"',
        "'",
        "\\",
        "/",
        "..",
        "#",
        "+",
        "$SYS",
        "~",
        "%d %d",
        "{{ value }}",
    ),
    *(
        "é",
        "전력",
        "\u202e",
        "\ufeff",
        "\u2028",
        "\ud800",
        "\U0001f50c",
        "İ",
        "ß",
        "K",
        "a" * 64,
        "a" * 65,
        "가" * 70,
    ),
    *(
        "a" * 5000,
        "null",
        "unknown",
        "main",
        "power",
        "2026-11-23T09:00:00+09:00",
        "0001-01-01T00:00:00+23:59",
    ),
    *("9999-12-31T23:59:59-23:59", "2026-02-30", "24:00:00", "1" * 5000, "1e5", "nan"),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**19, 10**400),
    *(0.5, -0.0, 1e-320, 1e308, -1e308, [], {}, [[]], [None], {"": None}, [1, "2", None], {"a": {"b": []}}),
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NEST = "nest-of-\u2603"

Change = Callable[[Random, bytes, Sequence[bytes]], bytes]


def mutated(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One to four changes of an input, at most LONGEST bytes long, rarely more."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        data = random.choice(_CHANGES)(random, data, others)
    return data[: LONGEST_RARE if random.random() < RARELY else LONGEST]


def _span(random: Random, data: bytes) -> tuple[int, int]:
    start = random.randint(0, len(data))
    size = random.choice((1, 1, 2, 4, 8, random.randint(0, max(1, len(data)))))
    return start, min(len(data), start + size)


def _bits(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(random.choice((1, 1, 2, 8))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _byte(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(data))
    byte = bytes([random.choice(_BYTES) if random.random() < 0.7 else random.randrange(256)])
    return data[:at] + byte + data[at + random.randint(0, 1) :]


def _cut(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    return data[:start] if random.random() < 0.2 else data[:start] + data[end:]


def _again(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    most = (LONGEST_RARE if random.random() < RARELY else 4096) // max(1, end - start)
    return (
        data[:end] + data[start:end] * random.choice((1, 2, 3, random.randint(1, max(1, most)))) + data[end:]
    )


def _spliced(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others) if others else data
    start, end = _span(random, data)
    from_, to = _span(random, other)
    if random.random() < 0.3:
        return data[:start] + other[from_:]
    return data[:start] + other[from_:to] + data[end:]


def _size_field(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A length that lies: 1, 2, 4 or 8 bytes, either end first."""
    width = random.choice((1, 2, 4, 8))
    if len(data) < width:
        return data
    at = random.randint(0, len(data) - width)
    order = random.choice(("little", "big"))
    number = random.choice(_SIZES)
    if random.random() < 0.4:
        number = int.from_bytes(data[at : at + width], order) + random.choice((-16, -2, -1, 1, 2, 16))
    elif random.random() < 0.2:
        number = len(data) + random.choice((-1, 0, 1))
    return data[:at] + (number % (1 << 8 * width)).to_bytes(width, order) + data[at + width :]


def _nested(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    opened, closed = random.choice(
        ((b"[", b"]"), (b"{", b"}"), (b"(", b")"), (b"<a>", b"</a>"), (b"a.", b""))
    )
    depth = random.choice((3, 100, random.randint(200, 1200), random.randint(1, 4000)))
    return data[:start] + opened * depth + data[start:end] + closed * depth + data[end:]


def _number(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data[:4096]))
    if not found:
        return _byte(random, data, others)
    where = random.choice(found)
    text = random.choice(_NUMBERS) if random.random() < 0.8 else str(random.randint(-(10**9), 10**13))
    return data[: where.start()] + text.encode() + data[where.end() :]


def _text(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(random, data)
    text = random.choice(_TEXTS).encode("utf-8", "surrogatepass")
    return data[:start] + text + data[end if random.random() < 0.5 else start :]


def _lines(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return _again(random, data, others)
    at = random.randrange(len(lines))
    way = random.randrange(4)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(random.randrange(len(lines)), lines[at])
    elif way == 2 and others:
        theirs = random.choice(others).splitlines(keepends=True)
        lines.insert(at, random.choice(theirs) if theirs else b"")
    else:
        lines[at] = lines[at] * random.choice((2, 10, 200))
    return b"".join(lines)


def json_changed(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The JSON in it, from its first brace on, with one node changed; a number where there is none."""
    begin = min((at for at in (data.find(b"{"), data.find(b"[")) if at >= 0), default=len(data))
    try:
        tree = json.loads(data[begin:].decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return _number(random, data, others)
    tree = _node_changed(random, tree, random.choice((0, 1, 2, 3, 5)))
    try:
        text = json.dumps(tree, ensure_ascii=random.random() < 0.7)
    except (ValueError, RecursionError):
        return data
    if _NEST in text or json.dumps(_NEST)[1:-1] in text:
        depth = random.choice((10, 100, random.randint(850, 1010), random.randint(1, 2500)))
        opened, closed = random.choice((("[", "]"), ('{"a":', "}"), ('[{"x":[', "]}]")))
        nest = opened * depth + ("" if opened[-1] == "[" else "1") + closed * depth
        text = text.replace(json.dumps(_NEST), nest).replace(f'"{_NEST}"', nest)
    return data[:begin] + text.encode("utf-8", "surrogatepass")


def _node_changed(random: Random, node: Any, depth: int) -> Any:
    """A copy, changed `depth` levels down."""
    if depth and isinstance(node, dict) and node:
        key = random.choice(list(node))
        if random.random() < 0.15:
            return {(random.choice(_TEXTS) if k == key else k): v for k, v in node.items()}
        return node | {key: _node_changed(random, node[key], depth - 1)}
    if depth and isinstance(node, list) and node:
        at = random.randrange(len(node))
        return [*node[:at], _node_changed(random, node[at], depth - 1), *node[at + 1 :]]
    return _replaced(random, node)


def _replaced(random: Random, node: Any) -> Any:
    simple = (_NEST, [node] * random.choice((2, 20, 300)), random.choice(_TEXTS), random.choice(_NUMBERS))
    way = random.randrange(8)
    if way < len(simple):
        return simple[way]
    if way == 4 and isinstance(node, dict):
        return {k: v for k, v in node.items() if random.random() < 0.7}
    if way == 5 and isinstance(node, dict):
        return node | {random.choice(_TEXTS): node}
    return random.choice(_VALUES)


_CHANGES: tuple[Change, ...] = (
    *(_bits, _byte, _cut, _again, _spliced, _size_field, _number, _text, _lines, _nested),
    *(json_changed, json_changed, json_changed),
)
