"""Clusters of a home's runs, what people say of them, and what runs now."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from chowon.domain.nilm.events.clusters import MOST_CLUSTERS
from chowon.domain.nilm.events.following import Ended, OpenRun, Run
from chowon.domain.nilm.events.kept import known_as_data, known_of_data
from chowon.domain.nilm.events.known import (
    MOST_REFUSED,
    Known,
    Merge,
    Name,
    NameRun,
    NotMine,
    NotThis,
    Split,
    learn,
    take,
)
from chowon.domain.nilm.events.running import running, to_ask, worth_naming
from chowon.errors import BadInput, NotFound

HOUR = 3_600_000


def run(at_h, watts, seconds, overshoot_w=0.0, ended=Ended.FALL) -> Run:
    at = round(at_h * HOUR)
    return Run(at, at + round(seconds * 1000), ((at, float(watts)),), overshoot_w, 1.0, 1.0, ended)


def on_since(at_h, watts, overshoot_w=0.0, settled=True) -> OpenRun:
    at = round(at_h * HOUR)
    return OpenRun(at, ((at, float(watts)),), overshoot_w, 1.0, 100.0, settled)


def lived(days=5, seed=1) -> tuple[Known, dict[str, Counter]]:
    """A kettle, a hob, a fridge that starts with a jerk; and how often each was put into which cluster."""
    random, runs = np.random.default_rng(seed), []
    for day in range(days):
        at = 24 * day
        runs += [
            ("kettle", run(at + h, random.normal(2000, 25), random.normal(150, 20))) for h in (7, 13, 19)
        ]
        runs += [
            ("hob", run(at + h + 0.3, random.normal(1200, 15), random.normal(900, 200))) for h in (7, 18)
        ]
        runs += [
            ("fridge", run(at + h, random.normal(95, 3), random.normal(900, 60), 180 + random.normal(0, 10)))
            for h in np.arange(0.1, 24, 0.75)
        ]
    known, of = Known(), {}
    for name, one in sorted(runs, key=lambda pair: pair[1].at_ms):
        known, cluster = take(known, one)
        of.setdefault(name, Counter())[cluster] += 1
    return known, of


def only(of) -> dict[str, int]:
    """The cluster of most of its runs."""
    return {name: clusters.most_common(1)[0][0] for name, clusters in of.items()}


def test_three_appliances_are_three_clusters_with_their_facts():
    known, of = lived()
    assert len(set(only(of).values())) == 3
    for clusters in of.values():
        assert max(clusters.values()) >= 0.98 * clusters.total()
    kettle = known.cluster(only(of)["kettle"])
    assert kettle.power_w == pytest.approx(2000, rel=0.02)
    assert kettle.seconds == pytest.approx(150, rel=0.1)
    assert kettle.runs == 15
    assert kettle.energy_wh == pytest.approx(15 * 2000 * 150 / 3600, rel=0.1)
    fridge = known.cluster(only(of)["fridge"])
    assert fridge.every_s == pytest.approx(0.75 * 3600, rel=0.05)
    assert len(fridge.recent) == 6


def test_a_run_whose_end_nobody_saw_teaches_nothing():
    for how in (Ended.UNSEEN, Ended.GAP, Ended.STAYED):
        assert take(Known(), run(1, 2000, 100, ended=how)) == (Known(), None)


def test_clusters_are_bounded_and_an_id_is_never_used_again():
    known, ids = Known(), []
    for n in range(3 * MOST_CLUSTERS):
        known, cluster = take(known, run(n, 20 * 1.25 ** (n % 33), 10 * 3.0 ** (n // 33)))
        ids.append(cluster)
    assert len(known.clusters) <= MOST_CLUSTERS
    fresh = list(dict.fromkeys(ids))
    assert fresh == sorted(fresh)


def test_what_a_person_named_is_never_dropped_for_room():
    known, cluster = take(Known(), run(0, 555, 33))
    known = learn(known, Name(cluster, "iron"))
    for n in range(3 * MOST_CLUSTERS):
        known, _ = take(known, run(24 * 90 + n, 20 * 1.3 ** (n % 25), 10 * 3.0 ** (n // 25)))
    assert known.name_of(cluster) == "iron"
    assert known.cluster(cluster)


def test_a_named_cluster_tells_what_runs_now_and_how_sure_that_is():
    known, of = lived()
    known = learn(known, Name(only(of)["kettle"], "kettle"))
    (guess,) = running(known, [on_since(130, 2010)], round(130.01 * HOUR))
    assert guess.name == "kettle"
    assert guess.options[0].probability > 0.9
    assert not guess.tie
    (guess,) = running(known, [on_since(130, 1210)], round(130.01 * HOUR))
    assert (guess.name, guess.options[0].name) == (None, None)


def test_something_of_another_size_is_unknown():
    known, of = lived()
    known = learn(known, Name(only(of)["kettle"], "kettle"))
    (guess,) = running(known, [on_since(130, 650)], round(130.01 * HOUR))
    assert guess.name is None
    assert sum(one.probability for one in guess.options) < 0.2


def test_two_appliances_alike_are_a_tie_until_time_tells():
    known, ids = Known(), {}
    for n in range(12):
        known, ids["kettle"] = take(known, run(5 * n, 2000 + n, 120 + n))
        known, ids["heater"] = take(known, run(5 * n + 2, 2001 + n, 3600 + 30 * n))
    assert ids["kettle"] != ids["heater"]
    for name, cluster in ids.items():
        known = learn(known, Name(cluster, name))
    (early,) = running(known, [on_since(100, 2005)], round(100.005 * HOUR))
    assert early.tie
    assert early.name is None
    assert {one.name for one in early.options} == {"kettle", "heater"}
    (later,) = running(known, [on_since(100, 2005)], round(100.5 * HOUR))
    assert later.name == "heater"


def test_a_jerk_at_the_start_tells_a_fridge_from_a_lamp_as_large():
    known, ids = Known(), {}
    for n in range(12):
        known, ids["fridge"] = take(known, run(3 * n, 95, 900, 180))
        known, ids["lamp"] = take(known, run(3 * n + 1, 95, 1500))
    for name, cluster in ids.items():
        known = learn(known, Name(cluster, name))
    now = round(100.01 * HOUR)
    assert running(known, [on_since(100, 95, 180)], now)[0].name == "fridge"
    assert running(known, [on_since(100, 95)], now)[0].name == "lamp"


def test_an_appliance_is_seldom_on_twice():
    known, of = lived()
    known = learn(known, Name(only(of)["kettle"], "kettle"))
    first, second = running(known, [on_since(130, 2000), on_since(130.005, 2060)], round(130.01 * HOUR))
    assert first.name == "kettle"
    assert second.options[0].probability < first.options[0].probability


def test_naming_what_is_on_names_it_at_once_and_its_runs_when_it_is_over():
    known = learn(Known(), NameRun(130 * HOUR, "toaster"))
    (guess,) = running(known, [on_since(130, 870)], round(130.01 * HOUR))
    assert guess.name == "toaster"
    known, cluster = take(known, run(130, 870, 120))
    assert known.name_of(cluster) == "toaster"
    assert known.awaited == ()


def test_a_run_named_otherwise_than_its_alike_gets_a_cluster_of_its_own():
    known, of = lived()
    kettle = only(of)["kettle"]
    known = learn(known, Name(kettle, "kettle"))
    known = learn(known, NameRun(130 * HOUR, "hair dryer"))
    known, cluster = take(known, run(130, 2000, 150))
    assert cluster != kettle
    assert (known.name_of(kettle), known.name_of(cluster)) == ("kettle", "hair dryer")
    (guess,) = running(known, [on_since(140, 2000)], round(140.005 * HOUR))
    assert {one.name for one in guess.options} == {"kettle", "hair dryer"}


def test_two_clusters_of_one_name_are_one_appliance_whose_probabilities_add_up():
    known, of = lived()
    ids = only(of)
    known = learn(learn(known, Name(ids["kettle"], "kitchen")), Name(ids["hob"], "kitchen"))
    assert known.appliance_of(ids["kettle"]) == known.appliance_of(ids["hob"])
    (guess,) = running(known, [on_since(130, 1200)], round(130.01 * HOUR))
    assert guess.name == "kitchen"


def test_merge_then_split_is_as_before():
    known, of = lived()
    ids = only(of)
    known = learn(learn(known, Name(ids["kettle"], "kettle")), Name(ids["hob"], "hob"))
    merged = learn(known, Merge(ids["kettle"], ids["hob"]))
    assert merged.name_of(ids["hob"]) == "kettle"
    assert learn(merged, Merge(ids["kettle"], ids["hob"])) == merged
    assert learn(merged, Split(ids["hob"])) == known
    alone = learn(merged, Split(ids["kettle"]))
    assert alone.appliance_of(ids["hob"]) == ids["hob"]
    assert learn(known, Split(ids["fridge"])) == known


def test_not_this_takes_the_name_back_and_not_mine_is_never_asked_again():
    known, of = lived()
    kettle = only(of)["kettle"]
    named = learn(known, Name(kettle, "kettle"))
    refused = learn(named, NotThis(kettle, "kettle"))
    assert refused.name_of(kettle) is None
    assert learn(refused, Name(kettle, "kettle")).name_of(kettle) == "kettle"
    assert learn(refused, NotThis(kettle, "heater")).name_of(kettle) is None
    now, on = round(130.01 * HOUR), [on_since(130, 2000), on_since(129.9, 1200)]
    assert [g.run.first_w for g in to_ask(known, running(known, on, now))] == [2000, 1200]
    quiet = learn(known, NotMine(kettle))
    assert [g.run.first_w for g in to_ask(quiet, running(quiet, on, now))] == [1200]


def test_of_the_names_that_a_cluster_has_not_the_newest_are_kept():
    known, of = lived()
    kettle, hob = only(of)["kettle"], only(of)["hob"]
    known = learn(known, NotThis(hob, "iron"))
    for n in range(3 * MOST_REFUSED):
        known = learn(learn(known, NotThis(kettle, f"name {n}")), NotThis(kettle, "heater"))
    theirs = [name for cluster, name in known.refused if cluster == kettle]
    assert len(theirs) == MOST_REFUSED
    assert theirs[-2:] == [f"name {3 * MOST_REFUSED - 1}", "heater"]
    assert (hob, "iron") in known.refused
    assert len(json.dumps(known_as_data(known))) < 10_000


def test_small_named_and_provisional_runs_are_not_asked_about():
    known, of = lived()
    known = learn(known, Name(only(of)["kettle"], "kettle"))
    on = [on_since(130, 2000), on_since(129.9, 40), on_since(130.002, 700, settled=False)]
    assert to_ask(known, running(known, on, round(130.01 * HOUR))) == ()


def test_what_uses_most_and_has_no_name_is_worth_naming():
    known, of = lived()
    ids = only(of)
    assert [one.id for one in worth_naming(known, 3)] == [ids["fridge"], ids["hob"], ids["kettle"]]
    known = learn(learn(known, Name(ids["fridge"], "fridge")), NotMine(ids["hob"]))
    assert [one.id for one in worth_naming(known, 1)] == [ids["kettle"]]
    once, _ = take(Known(), run(1, 3000, 3600))
    assert worth_naming(once) == ()


def test_an_unknown_cluster_cannot_be_spoken_of():
    with pytest.raises(NotFound, match="appliance 9"):
        learn(Known(), Name(9, "kettle"))
    known, cluster = take(Known(), run(1, 2000, 100))
    with pytest.raises(NotFound, match="appliance 9"):
        learn(known, Merge(cluster, 9))


def test_what_is_known_survives_being_written_as_json():
    known, of = lived()
    ids = only(of)
    for tap in (
        Name(ids["kettle"], "주전자"),
        Merge(ids["kettle"], ids["hob"]),
        NotThis(ids["fridge"], "lamp"),
        NotMine(ids["fridge"]),
        NameRun(130 * HOUR, "toaster"),
    ):
        known = learn(known, tap)
    assert known_of_data(json.loads(json.dumps(known_as_data(known)))) == known
    with pytest.raises(BadInput, match="version None"):
        known_of_data({})


def test_confidence_is_honest_over_many_days():
    """Of what is said with 90 to 100 %, at least nine in ten are right, over runs that taught nothing yet."""
    known, of = lived()
    for name, cluster in only(of).items():
        known = learn(known, Name(cluster, name))
    random, right, sure = np.random.default_rng(9), 0, 0
    for _ in range(300):
        name, watts, over = [("kettle", 2000, 0), ("hob", 1200, 0), ("fridge", 95, 180), (None, 0, 0)][
            random.integers(4)
        ]
        watts = math.exp(random.uniform(math.log(30), math.log(4000))) if name is None else watts
        on = on_since(130, random.normal(watts, 0.015 * watts), over)
        (guess,) = running(known, [on], round(130.005 * HOUR))
        if guess.options and guess.options[0].probability >= 0.9:
            sure, right = sure + 1, right + (guess.options[0].name == name)
    assert sure > 100
    assert right / sure >= 0.9
