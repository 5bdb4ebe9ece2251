"""Recordings of single appliances as teachers: homes whose mains nobody measured."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chowon.bench.nilm import protocol as protocols
from chowon.bench.nilm.homes import GapRules, home_id, home_on_grid
from chowon.bench.nilm.opening import opened
from chowon.bench.nilm.page import scoreboard
from chowon.bench.nilm.readers import recording
from chowon.bench.nilm.run import run, zero_shot
from chowon.domain.nilm.fitted import fitted, taught_by
from chowon.domain.nilm.levels import facts_of, means_of
from chowon.domain.nilm.power import coarser
from chowon.errors import BadInput, DataSetInvalid, HomeSeen, NotFound, ProtocolInvalid, RecordingInvalid
from chowon.models.nilm.registry import model, quick_models
from tests.nilm_homes import RULES, home, power
from tests.unit.test_nilm_bench import BILL, recorded
from tests.unit.test_nilm_protocols import GOOD

STEP_S = 2
KETTLE_W = np.tile(np.repeat([0.0, 2000.0, 0.0], 90), 20)  # 3 min of every 9, for 3 hours

PROTOCOL = GOOD.replace("from = 2024-01-01T00:00:00Z", "").replace("frozen_mains_s = 3600", "")
PLUGS = """
[[train]]
id = "tracebase"
path = "plugs/*.parquet"
step_s = 10
"""


def plug(path, columns, start_ms=0, **metadata) -> None:
    n = len(next(iter(columns.values())))
    stamps = start_ms + 1000 * STEP_S * np.arange(n, dtype=np.int64)
    table = pa.table({"timestamp": pa.array(stamps, pa.timestamp("ms", "UTC")), **columns})
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)


@pytest.fixture
def data(tmp_path):
    for n in (1, 2):
        recorded(tmp_path / f"{n}.parquet", home(f"made/{n}", 10, n), dataset="made", home=str(n))
    for appliance, device, watts in (
        ("kettle", "D33E1F", KETTLE_W),
        ("kettle", "D330A3", KETTLE_W * 0.9),
        ("coffee_machine", "735E9D", KETTLE_W / 2),
    ):
        name = f"{appliance}__{device}"
        plug(tmp_path / f"plugs/{name}__complete.parquet", {appliance: watts}, dataset="tracebase", home=name)
    return tmp_path


def experiment(more: str = PLUGS):
    return protocols.parse(PROTOCOL.replace("[[test]]", more + "\n[[test]]"), "p")


def composed_of(data, device: str) -> None:
    """Home 2 of the protocol is a virtual one now, made of this device."""
    sources = {"kettle": {"device": device, "days": ["2011-12-01"]}}
    made = home("made/2", 10, 2)
    recorded(data / "2.parquet", made, dataset="made", home="2", sources=json.dumps(sources))


@pytest.mark.parametrize(
    ("dataset", "name", "found"),
    [
        ("tracebase", "kettle__D33E1F", "tracebase/D33E1F/kettle"),
        ("tracebase", "kettle__D356CD-cleaned-13-01-2012", "tracebase/D356CD/kettle"),
        ("tracebase", "lamp__-D34446", "tracebase/-D34446/lamp"),
        ("ECO", "house_1", "eco/1"),
        ("ECO", "household 1", "eco/1"),
    ],
)
def test_a_plug_has_the_same_id_wherever_it_is_named(dataset, name, found):
    assert home_id(dataset, name) == found


def test_a_plug_is_a_home_whose_mains_are_known_nowhere(data):
    raw = recording.read(data / "plugs/kettle__D33E1F__complete.parquet")
    found = home_on_grid(raw, 60_000, ["kettle"], GapRules())
    assert (raw.id, raw.mains) == ("tracebase/D33E1F/kettle", ())
    assert not found.measured
    assert not found.mains.known.any()
    assert found.appliances["kettle"].power_w[:9].tolist() == [0] * 3 + [2000] * 3 + [0] * 3
    assert len(found.mains) == len(found.appliances["kettle"])


def test_several_columns_of_plugs_are_one_home_on_one_grid(tmp_path):
    columns = {"kettle": KETTLE_W, "fridge": [None] * 900 + [80.0] * (len(KETTLE_W) - 900), "pc": KETTLE_W}
    plug(tmp_path / "eco/1.parquet", columns, dataset="ECO", home="house_1")
    raw = recording.read(tmp_path / "eco/1.parquet")
    found = home_on_grid(raw, 60_000, ["kettle", "fridge"], GapRules(), others=True)
    assert found.id == "eco/1"
    assert found.appliances["fridge"].known.sum() < found.appliances["kettle"].known.sum()
    assert found.appliances["fridge"].start_ms == found.others["pc"].start_ms == 0


def test_columns_of_no_kind_are_carried_only_where_they_are_wanted(data):
    raw = recording.read(data / "plugs/coffee_machine__735E9D__complete.parquet")
    with_others = home_on_grid(raw, 60_000, ["kettle"], GapRules(), others=True)
    assert (dict(with_others.appliances), list(with_others.others)) == ({}, ["coffee_machine"])
    raw = recording.read(data / "2.parquet")
    assert home_on_grid(raw, 60_000, ["kettle"], GapRules()).others == {}
    assert list(home_on_grid(raw, 60_000, ["kettle"], GapRules(), others=True).others) == ["fridge"]


def test_traces_of_one_plug_in_several_files_are_one_home(data):
    later_ms = 1000 * STEP_S * (len(KETTLE_W) + 900)
    plug(
        data / "plugs/kettle__D33E1F__incomplete.parquet",
        {"kettle": KETTLE_W},
        later_ms,
        dataset="tracebase",
        home="kettle__D33E1F",
    )
    homes = recording.read_all(data / "plugs")
    assert sorted(raw.id for raw in homes) == [
        "tracebase/735E9D/coffee_machine",
        "tracebase/D330A3/kettle",
        "tracebase/D33E1F/kettle",
    ]
    [raw] = [raw for raw in homes if "D33E1F" in raw.id]
    kettle = home_on_grid(raw, 60_000, ["kettle"], GapRules()).appliances["kettle"]
    assert kettle.hours == pytest.approx(6, abs=0.1)
    assert len(kettle) == 390
    assert not kettle.known[182:209].any()


def test_a_folder_or_a_pattern_names_many_teachers(data):
    [spec] = [spec for spec in experiment().train if spec.id == "tracebase"]
    assert len(spec.open_all(data)) == 3
    found = opened(experiment(), spec, data, "train")
    assert {home.mains.step_ms for home, _ in found} == {10_000}
    assert {(facts.measured, round(facts.hours)) for _, facts in found} == {(False, 3)}
    folder = experiment('[[train]]\nid = "tracebase"\npath = "plugs"\n').train[1]
    assert len(folder.open_all(data)) == 3


@pytest.mark.parametrize(
    ("without", "left"),
    [
        ("D33E1F", ["735E9D/coffee_machine", "D330A3/kettle"]),
        ("kettle", ["735E9D/coffee_machine"]),
        ("D330A3/kettle", ["735E9D/coffee_machine", "D33E1F/kettle"]),
        ("tracebase/735E9D/coffee_machine", ["D330A3/kettle", "D33E1F/kettle"]),
    ],
)
def test_devices_can_be_left_out(data, without, left):
    spec = experiment(PLUGS + f'without = ["{without}"]\n').train[1]
    assert sorted(raw.id for raw in spec.open_all(data)) == [f"tracebase/{name}" for name in left]


@pytest.mark.parametrize("name", ["D33E", "toaster"])
def test_to_leave_out_what_is_not_there_is_an_error(data, name):
    spec = experiment(PLUGS + f'without = ["{name}"]\n').train[1]
    with pytest.raises(ProtocolInvalid, match=name):
        spec.open_all(data)


def test_what_lies_in_a_folder_under_another_data_sets_name_is_refused(data):
    plug(data / "plugs/x.parquet", {"kettle": KETTLE_W}, dataset="ECO", home="house_1")
    with pytest.raises(ProtocolInvalid, match="eco/1"):
        experiment().train[1].open_all(data)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("step_s = 10", "step_s = 7", "a part of the grid's 60 s"),
        ("step_s = 10", "step_s = 120", "a part of the grid's 60 s"),
        ("step_s = 10", "step_s = 0", "a part of the grid's 60 s"),
        ("step_s = 10", 'without = "x"', "without"),
    ],
)
def test_a_teacher_that_cannot_be_meant_is_refused(was, becomes, said):
    with pytest.raises(ProtocolInvalid, match=said):
        experiment(PLUGS.replace(was, becomes))


def test_only_teachers_have_a_grid_of_their_own_or_are_many(data):
    for line in ("step_s = 10", 'without = ["x"]'):
        with pytest.raises(ProtocolInvalid, match=line.split()[0]):
            protocols.parse(PROTOCOL.replace('absent = ["freezer"]', line), "p")


def test_plugs_teach_levels_and_no_mean():
    kettle = power(KETTLE_W[::30])
    plugged = home_of_a_plug(kettle)
    facts = facts_of([plugged], RULES)
    assert facts["kettle"].levels_w == (2000.0,)
    assert facts["kettle"].mean_w is None
    assert means_of(facts) == {}
    both, alone = facts_of([plugged, home()], RULES), facts_of([home()], RULES)
    assert both["kettle"].mean_w == alone["kettle"].mean_w


def home_of_a_plug(kettle, home_id="tracebase/D33E1F/kettle"):
    made = home(home_id)
    nowhere = power(np.zeros(len(kettle)), known=np.zeros(len(kettle), bool))
    return type(made)(home_id, nowhere, {"kettle": kettle})


@pytest.mark.parametrize("name", sorted(quick_models()))
def test_every_model_can_be_taught_by_plugs_alone_or_beside_homes(name):
    plugged = home_of_a_plug(power(KETTLE_W[::30]))
    mains = home("made/9", seed=9).mains
    alone = model(name).fit([plugged], RULES, 0).disaggregate(mains, ["kettle", "fridge"])
    assert "fridge" not in alone or not alone["fridge"].power_w.any()
    beside = model(name).fit([plugged, home()], RULES, 0).disaggregate(mains, ["kettle", "fridge"])
    assert set(beside) == {"kettle", "fridge"}


def test_the_mean_predictor_learns_nothing_from_plugs_alone():
    plugged = home_of_a_plug(power(KETTLE_W[::30]))
    assert model("mean").fit([plugged], RULES, 0).disaggregate(home().mains, ["kettle"]) == {}
    without, with_it = (
        model("mean").fit(homes, RULES, 0).disaggregate(home().mains, ["kettle"])["kettle"].power_w[0]
        for homes in ([home()], [home(), plugged])
    )
    assert without == with_it


def test_an_experiment_with_plugs_is_run_and_shown(data):
    results = run(experiment(), data, ["hart"])
    assert {row.model for row in results.rows} == {"zero", "mean", "hart"}
    assert "| tracebase: 3 without mains | learnt from | 0.4 | – |" in scoreboard([results], "kept")


def test_plugs_cannot_be_scored(data):
    path = data / "plugs/kettle__D33E1F__complete.parquet"
    with pytest.raises(DataSetInvalid, match="plugs can teach, and not be scored"):
        zero_shot([path], model("zero"), 60_000, BILL, GapRules())
    (data / "2.parquet").write_bytes(path.read_bytes())
    with pytest.raises(DataSetInvalid, match="plugs can teach, and not be scored"):
        run(protocols.parse(PROTOCOL.replace('"made/2"', '"tracebase/D33E1F/kettle"'), "p"), data, [])


def test_a_home_composed_of_a_device_that_taught_is_refused_before_anything_is_read(data, monkeypatch):
    composed_of(data, "D33E1F")
    monkeypatch.setattr("chowon.bench.nilm.run.opened", lambda *_: pytest.fail("read"))
    with pytest.raises(HomeSeen, match=r"composed of .* tracebase/D33E1F/kettle"):
        run(experiment(), data, [])


def test_a_home_composed_of_a_device_that_was_left_out_is_scored(data):
    composed_of(data, "D33E1F")
    assert run(experiment(PLUGS + 'without = ["D33E1F/kettle"]\n'), data, []).rows


def test_a_recording_composed_of_what_taught_is_refused(data):
    composed_of(data, "D33E1F")
    taught_by = [data / "1.parquet", data / "plugs/kettle__D33E1F__complete.parquet"]
    with pytest.raises(HomeSeen, match="tracebase/D33E1F/kettle"):
        zero_shot([data / "2.parquet"], model("co"), 60_000, BILL, GapRules(), train=taught_by)


def test_what_shipped_models_were_taught_by_virtual_homes_is_left_out(data):
    """The kettle D33E1F is one of those that the virtual home v1 was made of."""
    composed_of(data, "D33E1F")
    assert "virtual-homes/v1" in model("co").shipped().homes
    taught = taught_by([recording.read(data / "2.parquet")])
    without = model("co").shipped(taught)
    assert not without.homes & ({"virtual-homes/v1"} | taught)
    assert zero_shot([data / "2.parquet"], model("co"), 60_000, BILL, GapRules())


def test_a_home_composed_of_what_taught_the_network_is_scored_and_its_sources_are_named(data):
    """No weights leave out this water boiler, which taught the network by itself."""
    sources = {"water_boiler": {"device": "-55151A"}, "kettle": {"device": "unheard-of"}}
    recorded(data / "2.parquet", home("made/2", 10, 2), dataset="made", home="2", sources=json.dumps(sources))
    [found] = zero_shot([data / "2.parquet"], model("network"), 60_000, BILL, GapRules())
    assert found.seen_sources == ("tracebase/-55151A/water_boiler",)
    assert found.appliances["kettle"].f1 is not None
    with pytest.raises(HomeSeen, match="tracebase/-55151A/water_boiler"):
        model("network").shipped().for_home(recording.read(data / "2.parquet"))


def test_what_a_composed_home_taught_is_not_used_on_another_of_the_same_sources():
    def made(home_id, *sources):
        plain = home(home_id)
        return type(plain)(home_id, plain.mains, plain.appliances, sources=frozenset(sources))

    learnt = fitted([made("virtual/1", "tracebase/A/kettle", "tracebase/B/lamp")], len)
    assert learnt.for_home(made("virtual/2", "tracebase/C/kettle")) == 1
    with pytest.raises(HomeSeen, match="tracebase/B/lamp"):
        learnt.for_home(made("virtual/3", "tracebase/B/lamp"))
    with pytest.raises(HomeSeen, match="tracebase/A/kettle took part"):
        learnt.for_home(made("tracebase/A/kettle"))


def test_a_composed_recording_that_does_not_say_of_what_is_refused(data):
    for sources in ("kettle", "[1]", '{"kettle": {"days": []}}', '{"kettle": {"trace": 1, "dataset": "x"}}'):
        recorded(data / "2.parquet", home("made/2"), dataset="made", home="2", sources=sources)
        with pytest.raises(DataSetInvalid, match="composed of"):
            recording.read(data / "2.parquet")


def test_all_ways_in_which_recordings_name_their_sources_are_read(data):
    sources = {
        "fridge": {"dataset": "ECO", "home": "household 1"},
        "freezer": {"dataset": "tracebase", "trace": "fridge__D331DA__complete"},
        "kettle": {"device": "D330A3"},
    }
    recorded(data / "2.parquet", home("made/2"), dataset="made", home="2", sources=json.dumps(sources))
    assert recording.read(data / "2.parquet").sources == {
        "eco/1",
        "tracebase/D331DA/fridge",
        "tracebase/D330A3/kettle",
    }


def test_files_that_are_no_recordings_of_plugs_are_refused(tmp_path):
    with pytest.raises(NotFound, match="recordings"):
        recording.read_all(tmp_path / "nothing")
    plug(tmp_path / "x.parquet", {"Kettle!": KETTLE_W})
    with pytest.raises(RecordingInvalid, match="Kettle!"):
        recording.read(tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecordingInvalid, match="Parquet"):
        recording.read(tmp_path / "y.parquet")


def test_a_plug_slower_than_the_grid_is_refused(data):
    raw = recording.read(data / "plugs/kettle__D33E1F__complete.parquet")
    with pytest.raises(DataSetInvalid, match="every 2 s"):
        home_on_grid(raw, 1000, ["kettle"], GapRules())
    with pytest.raises(DataSetInvalid, match="fewer than two samples"):
        home_on_grid(raw, 60_000, ["fridge"], GapRules())


def test_a_finer_grid_can_be_read_at_any_phase():
    fine = power([0, 0, 60, 60, 60, 60, 6, 6], step_ms=10_000, known=[1, 1, 1, 1, 1, 0, 0, 0])
    found = coarser(fine, 30_000)
    assert (found.start_ms, found.step_ms) == (0, 30_000)
    assert (found.power_w.tolist(), found.known.tolist()) == ([20.0, 60.0], [True, True])
    later = coarser(fine, 30_000, phase=2)
    assert later.start_ms == 20_000
    assert (later.power_w.tolist(), later.known.tolist()) == ([60.0, 0.0], [True, False])
    assert len(coarser(power([], step_ms=10_000), 30_000, 1)) == 0
    for step_ms, phase in ((25_000, 0), (5_000, 0), (30_000, 3), (30_000, -1)):
        with pytest.raises(BadInput, match="a multiple"):
            coarser(fine, step_ms, phase)


def test_a_home_whose_mains_are_all_gaps_is_no_home_of_plugs(data):
    made = home("made/1", 10, 1)
    silent = type(made)("made/1", power(np.zeros(len(made.mains))), made.appliances)
    recorded(data / "1.parquet", silent, dataset="made", home="1")
    text = PROTOCOL.replace("[[test]]", "zero_mains_is_gap = true\n\n[[test]]", 1)
    with pytest.raises(DataSetInvalid, match="known for 0%"):
        run(protocols.parse(text, "p"), data, [])
