"""emonCMS's `input/post` and `input/bulk`, answered as emonCMS answers: what is wrong comes with status 200.

Its senders keep what was not answered with `ok` and send it again for ever. So a value that is out of range
is noted and passed over, as long as the request can be read; a full queue is 503, and they come again.
"""

import contextlib
import json
import re
from typing import Final
from urllib.parse import unquote

from chowon.errors import Overloaded, PayloadRejected, StoreUnavailable
from chowon.ingest.door import Door
from chowon.ingest.http_writes import Answer, retry_later
from chowon.meters import emoncms
from chowon.meters.decoded import Envelope

SOURCE: Final = "emoncms"
_OK: Final = Answer(200, b"ok", {"Content-Type": "text/plain; charset=utf-8"})
_JSON: Final = {"Content-Type": "application/json"}


async def write_inputs(door: Door, parameters: bytes, *, now_ms: int) -> Answer:
    """`ok`, or `{"success": true}` to `fulljson`, once durable; 503 when nothing was taken.

    parameters: form-encoded, of the address and of the body.
    """
    try:
        readings = await door.read(emoncms.DECODER, parameters, Envelope(now_ms), SOURCE)
    except PayloadRejected as error:
        said = "; ".join(str(problem) for problem in error.problems).replace('"', "'")
        return Answer(
            200, json.dumps({"success": False, "message": said}, ensure_ascii=False).encode(), _JSON
        )
    try:
        with contextlib.suppress(PayloadRejected):  # none of it can be used: the ledger says why
            await door.take_decoded(readings, now_ms, SOURCE)
    except (Overloaded, StoreUnavailable) as error:
        return Answer(
            503, str(error).encode(), {"Content-Type": "text/plain; charset=utf-8", **retry_later()}
        )
    full = any(name.startswith(b"fulljson=") for name in parameters.split(b"&"))
    return Answer(200, b'{"success": true}', _JSON) if full else _OK


def key_in(parameters: bytes) -> str | None:
    """The last `apikey` among them."""
    found = re.findall(rb"(?:^|&)apikey=([^&]*)", parameters)
    return unquote(found[-1].decode("latin-1")) if found else None
