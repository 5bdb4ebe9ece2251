"""Names for what is kept of trainings that take long."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any


def training_name(model: str, said: Sequence[Any]) -> str:
    """One name for one training. said: all that it depends on, as JSON can hold it."""
    text = json.dumps(said, sort_keys=True)
    return f"{model}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
