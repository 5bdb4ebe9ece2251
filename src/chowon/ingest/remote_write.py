"""Prometheus remote write 1.0: 204 once durable; 4xx for what will never be taken, 503 for "again later"."""

import asyncio
from typing import Final

import cramjam

from chowon.errors import Overloaded, PayloadRejected, PayloadTooLarge, Problem, StoreUnavailable
from chowon.ingest.door import Door
from chowon.ingest.http_writes import MAX_BODY_BYTES, Answer, retry_later
from chowon.meters.decoded import Decoder, Envelope

SOURCE: Final = "prometheus"
_TEXT: Final = {"Content-Type": "text/plain; charset=utf-8"}
_VERSION_1: Final = (
    "remote write 1.0 is spoken here: Content-Type application/x-protobuf, Content-Encoding snappy "
    "(in prometheus.yml: protobuf_message: prometheus.WriteRequest)"
)


async def write_remote(
    door: Door,
    decoder: Decoder,
    body: bytes,
    *,
    content_type: str,
    content_encoding: str,
    now_ms: int,
    limit: int = MAX_BODY_BYTES,
) -> Answer:
    """Good samples are kept when others are bad (400, named); 413, 415, 503 with Retry-After.

    limit: most bytes of the body after decompression.
    """
    if not _is_version_1(content_type, content_encoding):
        asked = f"{content_type or 'no content type'}, {content_encoding or 'no content encoding'}"
        return _refused(415, f"{asked}: {_VERSION_1}")
    try:
        plain = await asyncio.to_thread(unpacked, body, limit)
        outcome = await door.take_with(decoder, plain, Envelope(now_ms), SOURCE)
    except PayloadTooLarge as error:
        return _refused(413, str(error))
    except PayloadRejected as error:
        return _refused(400, str(error))
    except (Overloaded, StoreUnavailable) as error:
        return Answer(503, f"{error}\n".encode(), {**_TEXT, **retry_later()})
    if outcome.rejected:
        said = "\n".join(str(problem) for problem in outcome.problems)
        return _refused(400, f"{outcome.rejected} samples are not taken, the others are kept\n{said}")
    return Answer(204)


def _is_version_1(content_type: str, content_encoding: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    other = "proto=" in parameters and "prometheus.WriteRequest" not in parameters
    return (
        kind.strip().lower() == "application/x-protobuf"
        and not other
        and content_encoding.strip().lower() == "snappy"
    )


def unpacked(body: bytes, limit: int) -> bytes:
    """The body without snappy's block compression, never more than `limit` bytes.

    Errors: PayloadTooLarge, PayloadRejected.
    """
    try:
        size = cramjam.snappy.decompress_raw_len(body)
        if size > limit:
            problem = Problem("body", f"{size} bytes", f"at most {limit}: set max_samples_per_send lower")
            raise PayloadTooLarge("the body is too large", [problem])
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        problem = Problem("body", str(error)[:80], "snappy's block format")
        raise PayloadRejected("the body cannot be decompressed", [problem]) from None


def _refused(status: int, message: str) -> Answer:
    return Answer(status, f"{message}\n".encode(), _TEXT)
