"""`chowon bench lines` measures a real server; how fast is for the command itself to say."""

import gzip

import pytest

from chowon.bench import lines
from chowon.meters import influx_line
from chowon.meters.decoded import Envelope

pytest.importorskip("psutil")


@pytest.mark.parametrize("compressed", [False, True])
def test_every_sender_sends_the_same_lines_whatever_the_size_of_its_bodies(compressed):
    told = influx_line.encode(lines.sample(3, 8)).splitlines(keepends=True)
    sent = [lines._bodies(told, size, compressed) for size in (1, 5, 24)]
    for bodies in sent:
        assert len(bodies) == lines.SENDERS
        plain = [gzip.decompress(b"".join(mine)) if compressed else b"".join(mine) for mine in bodies]
        assert plain[0].replace(b"site=s0", b"site=home") == b"".join(told)
        decoded = influx_line.DECODER.decode(b"".join(plain), Envelope(lines.sample(3, 8).time_ms[-1]))
        assert (len(decoded), decoded.rejected) == (24 * lines.SENDERS, 0)
        assert len(decoded.keys) == 3 * lines.SENDERS


@pytest.mark.parametrize("compressed", [False, True])
def test_a_server_is_measured_with_each_size_of_body(compressed, monkeypatch):
    monkeypatch.setattr(lines, "SECONDS", 4)
    monkeypatch.setattr(lines, "SIZES", (200, 400))
    monkeypatch.setattr(lines, "WARM_S", 0.0)
    monkeypatch.setattr(lines, "installed", list)
    figures = lines.measure(compressed=compressed)
    assert [(f.server, f.lines_per_body, f.gzip) for f in figures] == [
        ("chowon", 200, compressed),
        ("chowon", 400, compressed),
    ]
    assert all(f.lines_per_s > 0 and f.lines_per_cpu_s > 0 and f.chowon_per_core == 1 for f in figures)
