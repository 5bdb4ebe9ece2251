"""Facts of each kind that come with chowon, for models that need no more than a few numbers.

learnt.json is written by scripts/learn_nilm_facts.py, from homes whose licence allows it, home by home: so
that one of these homes can be scored with what the others teach.
"""

import json
from importlib import resources
from typing import Any

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.levels import KindFacts, together


def learnt(without: str | None = None) -> Fitted[dict[str, KindFacts]]:
    """The facts of all homes but `without`, with the homes that they came from."""
    file = json.loads(resources.files("chowon.models.nilm").joinpath("learnt.json").read_text("utf-8"))
    homes = {home_id: facts for home_id, facts in file["homes"].items() if home_id != without}
    sources = [source for home_id in homes for source in file["sources"].get(home_id, ())]
    return Fitted(together([_facts(facts) for facts in homes.values()]), frozenset([*homes, *sources]))


def _facts(kinds: dict[str, dict[str, Any]]) -> dict[str, KindFacts]:
    return {
        kind: KindFacts(one["mean_w"], tuple(one["levels_w"]), one["longest_run_ms"])
        for kind, one in kinds.items()
    }
