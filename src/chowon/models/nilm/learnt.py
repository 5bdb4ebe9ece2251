"""Facts of each kind that come with chowon, for models that need no more than a few numbers.

learnt.json is written by scripts/learn_nilm_facts.py, from homes whose licence allows it, home by home: so
that one of these homes can be scored with what the others teach.
"""

import json
from collections.abc import Collection
from importlib import resources
from typing import Any

from chowon.domain.nilm.fitted import Fitted
from chowon.domain.nilm.levels import KindFacts, together


def learnt(without: Collection[str] = ()) -> Fitted[dict[str, KindFacts]]:
    """The facts of all homes but `without` and what was composed of these, with where they came from."""
    file = json.loads(resources.files("chowon.models.nilm").joinpath("learnt.json").read_text("utf-8"))
    taught_by = {home_id: {home_id, *file["sources"].get(home_id, ())} for home_id in file["homes"]}
    homes = [home_id for home_id, names in taught_by.items() if not names & set(without)]
    facts = together([_facts(file["homes"][home_id]) for home_id in homes])
    return Fitted(facts, frozenset(name for home_id in homes for name in taught_by[home_id]))


def _facts(kinds: dict[str, dict[str, Any]]) -> dict[str, KindFacts]:
    return {
        kind: KindFacts(one["mean_w"], tuple(one["levels_w"]), one["longest_run_ms"])
        for kind, one in kinds.items()
    }
