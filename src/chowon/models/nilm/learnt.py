"""Facts of each kind that come with chowon, for models that need no more than a few numbers.

learnt.json is written by scripts/learn_nilm_facts.py, from homes whose licence allows it.
"""

import json
from importlib import resources

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.levels import KindFacts


def learnt() -> Fitted[dict[str, KindFacts]]:
    """The facts, with the homes that they came from."""
    file = json.loads(resources.files("chowon.models.nilm").joinpath("learnt.json").read_text("utf-8"))
    facts = {
        kind: KindFacts(values["mean_w"], tuple(values["levels_w"]), values["longest_run_ms"])
        for kind, values in file["kinds"].items()
    }
    return Fitted(facts, frozenset(file["homes"]))
