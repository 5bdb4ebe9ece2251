"""What people saw run, over HTTP."""

import json
from datetime import timedelta

import pytest

from chowon.domain.nilm.witnessed import MOST
from chowon.domain.quantities import DAY_MS, HOUR_MS, MINUTE_MS
from chowon.domain.sites import ChannelKey
from tests.nights import FIRST, LearnsLevels, NightHome, TellsByLevel, at, days_on, night_home
from tests.told import Served

WITNESSED = "/sites/1/appliances/witnessed"
SECOND_MS = 1000


class WitnessServed(Served):
    """Three days and a morning of a home of which nights tell, with four microwaves a day."""

    def __init__(self, home: NightHome) -> None:
        self.home = home
        for n in range(3):
            home.takes(days_on(n), kettles=2, microwaves=4)
        home.takes(days_on(3), minutes=range(840))
        self.nights()
        super().__init__(home.store, at(days_on(3), 14), telling=home.telling(with_nights=True))

    def nights(self) -> None:
        self.home.night(days_on(2), 14)

    async def sees(self, body: object, status: int = 200):
        return await self.ask("POST", WITNESSED, body, status)


@pytest.fixture
async def served(tmp_path):
    with night_home(tmp_path) as home:
        home.model = LearnsLevels()
        yield WitnessServed(home)


def microwave(day: int, hour: int, **other) -> dict:
    """The one at a quarter to the hour after."""
    start_ms = at(days_on(day), hour + 0.75)
    return {"kind": "microwave", "start_ms": start_ms, "end_ms": start_ms + 3 * MINUTE_MS} | other


async def test_before_anybody_saw_anything_it_is_said_what_can_be_taught(served):
    assert await served.ask("GET", WITNESSED) == {
        "site": 1,
        "runs": [],
        "kinds": [
            {
                "kind": "kettle",
                "label": {"ko": "전기 주전자", "en": "Kettle"},
                "ran": 0,
                "needed": 0,
                "told": True,
            },
            {
                "kind": "microwave",
                "label": {"ko": "전자레인지", "en": "Microwave"},
                "ran": 0,
                "needed": 3,
                "told": False,
            },
        ],
    }


async def test_three_runs_make_a_kind_told_and_a_night_finds_them(served):
    first = await served.sees(microwave(0, 0))
    [run] = first["runs"]
    assert run == microwave(0, 0) | {
        "id": run["id"],
        "label": {"ko": "전자레인지", "en": "Microwave"},
        "ran": True,
        "made_ms": run["made_ms"],
        "told": False,
    }
    assert _microwave(first) == {"ran": 1, "needed": 2, "told": False}
    await served.sees(microwave(2, 1))
    third = await served.sees(microwave(1, 2))
    assert _microwave(third) == {"ran": 3, "needed": 0, "told": True}
    assert [run["start_ms"] for run in third["runs"]] == [
        microwave(day, hour)["start_ms"] for day, hour in ((2, 1), (1, 2), (0, 0))
    ]
    assert [run["told"] for run in third["runs"]] == [False] * 3
    served.nights()
    await served.sees(microwave(3, 1, ran=False))
    told = await served.ask("GET", WITNESSED)
    assert [(run["ran"], run["told"]) for run in told["runs"]] == [(False, None), *[(True, True)] * 3]
    days = await served.ask("GET", "/sites/1/appliances/days?from=2026-10-01&to=2026-10-02")
    assert "microwave" in {kind["kind"] for kind in days["days"][0]["appliances"]}


async def test_one_that_is_taken_back_teaches_no_more(served):
    for hour in range(3):
        told = await served.sees(microwave(0, hour))
    left = await served.ask("DELETE", f"{WITNESSED}/{told['runs'][0]['id']}")
    assert [run["start_ms"] for run in left["runs"]] == [microwave(0, hour)["start_ms"] for hour in (1, 0)]
    assert _microwave(left) == {"ran": 2, "needed": 1, "told": False}
    gone = await served.ask("DELETE", f"{WITNESSED}/{told['runs'][0]['id']}", status=404)
    assert "GET" in gone["error"]["message"]


async def test_seconds_are_widened_to_the_minutes_that_they_lie_in(served):
    asked = microwave(0, 0)
    asked["start_ms"] += 40 * SECOND_MS
    asked["end_ms"] -= 40 * SECOND_MS
    [run] = (await served.sees(asked))["runs"]
    assert (run["start_ms"], run["end_ms"]) == (microwave(0, 0)["start_ms"], microwave(0, 0)["end_ms"])


async def test_who_corrects_oneself_says_it_once(served):
    await served.sees(microwave(0, 0))
    later = microwave(0, 0)["start_ms"] + MINUTE_MS
    corrected = await served.sees(microwave(0, 0, start_ms=later, ran=False))
    [run] = corrected["runs"]
    assert (run["start_ms"], run["ran"]) == (later, False)
    assert _microwave(corrected)["ran"] == 0


async def test_what_ran_is_there_and_what_did_not_run_says_nothing_of_that(served):
    served.home.is_without("microwave", "kettle")
    await served.sees(microwave(0, 0, ran=False))
    assert served.home.site.without == {"microwave", "kettle"}
    await served.sees(microwave(0, 1))
    assert served.home.site.without == {"kettle"}


async def test_who_says_afterwards_that_there_is_none_is_believed(served):
    for hour in range(3):
        await served.sees(microwave(0, hour))
    await served.ask("PATCH", "/sites/1", {"without": ["microwave"]})
    told = await served.ask("GET", WITNESSED)
    assert _microwave(told) == {"ran": 3, "needed": 0, "told": False}
    served.nights()
    assert [run["told"] for run in (await served.ask("GET", WITNESSED))["runs"]] == [False] * 3


async def test_runs_that_lie_months_apart_are_each_looked_up(served):
    old = days_on(-80)
    served.home.takes(old, microwaves=4)
    for hour in range(2):
        await served.sees(microwave(0, hour))
    start_ms = at(old, 1.75)
    told = await served.sees(microwave(0, 0, start_ms=start_ms, end_ms=start_ms + 3 * MINUTE_MS))
    served.nights()
    told = await served.ask("GET", WITNESSED)
    assert [run["told"] for run in told["runs"]] == [True, True, None]  # nights go back a month
    assert _microwave(told)["told"]


FIRST_MS, NOW_MS = at(FIRST), at(FIRST + timedelta(days=3), 14)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "fridge"}, "kettle, microwave"),
        ({"kind": "no such kind"}, "kettle, microwave"),
        ({"start_ms": FIRST_MS - DAY_MS, "end_ms": FIRST_MS - DAY_MS + HOUR_MS}, "first reading"),
        ({"start_ms": FIRST_MS - MINUTE_MS, "end_ms": FIRST_MS + HOUR_MS}, "first reading"),
        ({"start_ms": NOW_MS - HOUR_MS, "end_ms": NOW_MS + 1}, "over"),
        ({"start_ms": NOW_MS + HOUR_MS, "end_ms": NOW_MS + 2 * HOUR_MS}, "over"),
        ({"start_ms": FIRST_MS, "end_ms": FIRST_MS}, "later than start_ms"),
        ({"start_ms": FIRST_MS + 50 * SECOND_MS, "end_ms": FIRST_MS + 10 * SECOND_MS}, "later than start_ms"),
        ({"start_ms": FIRST_MS, "end_ms": FIRST_MS + 12 * HOUR_MS + 1}, "expected 1 to 720"),
    ],
)
async def test_what_cannot_have_been_seen_is_refused_in_words(served, change, said):
    refused = await served.sees(microwave(0, 0) | change, 422)
    assert refused["error"]["code"] == "bad_input"
    assert said in refused["error"]["message"]
    assert served.store.witnessed.of(1) == []


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "null",
        '{"kind": "microwave", "start_ms": NaN, "end_ms": 1e400}',
        '{"kind": "microwave", "start_ms": 1e30, "end_ms": 2e30}',
        '{"kind": "microwave", "start_ms": -1, "end_ms": 60000}',
        '{"kind": "microwave", "start_ms": ' + "9" * 400 + ', "end_ms": 60000}',
        '{"kind": "microwave", "start_ms": 0.5, "end_ms": 60000.5}',
        '{"kind": "microwave", "start_ms": 0, "end_ms": 60000, "ran": null}',
        '{"kind": "microwave", "start_ms": 0, "end_ms": 60000, "more": 1}',
        '{"kind": "", "start_ms": 0, "end_ms": 60000}',
        '{"kind": ["microwave"], "start_ms": 0, "end_ms": 60000}',
        json.dumps({"kind": "m" * 65, "start_ms": 0, "end_ms": 60000}),
    ],
)
async def test_a_body_that_does_not_fit_is_refused(served, body):
    headers = {"content-type": "application/json"}
    answer = await served.http.request("POST", WITNESSED, content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize("run_id", ["0", "-1", "x", "9" * 30])
async def test_what_is_no_number_of_a_run_is_refused(served, run_id):
    await served.ask("DELETE", f"{WITNESSED}/{run_id}", status=422)


async def test_no_site_touches_anothers(served):
    served.home.takes(FIRST, microwaves=4, site="away")
    served.home.saw(FIRST, 0, site=2)
    [theirs] = served.store.witnessed.of(2)
    await served.ask("DELETE", f"{WITNESSED}/{theirs.id}", status=404)
    assert served.store.witnessed.of(2) == [theirs]
    assert (await served.ask("GET", WITNESSED))["runs"] == []
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/1")):
        body = microwave(0, 0) if method == "POST" else None
        await served.ask(method, f"/sites/7/appliances/witnessed{path}", body, 404)


async def test_a_site_that_was_never_heard_has_nothing_to_teach(served):
    served.store.sites.register(ChannelKey("new", "m", "main"), 10_000)
    refused = await served.ask("POST", "/sites/2/appliances/witnessed", microwave(0, 0), 422)
    assert "never heard" in refused["error"]["message"]
    assert [kind["told"] for kind in (await served.ask("GET", "/sites/2/appliances/witnessed"))["kinds"]] == [
        True,
        False,
    ]


async def test_a_site_keeps_so_many_and_says_so(served):
    for n in range(MOST):
        start_ms = at(FIRST) + 10 * n * MINUTE_MS
        await served.sees({"kind": "microwave", "start_ms": start_ms, "end_ms": start_ms + 9 * MINUTE_MS})
    start_ms = at(FIRST, 20)
    late = {"kind": "microwave", "start_ms": start_ms, "end_ms": start_ms + HOUR_MS}
    assert str(MOST) in (await served.sees(late, 422))["error"]["message"]
    in_place = {"kind": "microwave", "start_ms": at(FIRST, 9), "end_ms": at(FIRST, 21)}
    assert len((await served.sees(in_place))["runs"]) == MOST - 6 + 1


async def test_reading_needs_a_token_and_saying_one_that_may_write(served):
    tokens = {
        scope: served.store.tokens.issue(f"the {scope}r", frozenset([scope])) for scope in ("read", "write")
    }

    async def asked(method: str, scope: str | None, path: str = "", body: object = None) -> int:
        headers = {} if scope is None else {"Authorization": f"Bearer {tokens[scope]}"}
        answer = await served.http.request(method, WITNESSED + path, json=body, headers=headers)
        return int(answer.status_code)

    seen = microwave(0, 0)
    assert await asked("GET", None) == await asked("POST", None, "", seen) == 401
    assert await asked("GET", "write") == await asked("POST", "read", "", seen) == 401
    assert await asked("GET", "read") == await asked("POST", "write", "", seen) == 200
    [kept] = served.store.witnessed.of(1)
    assert kept.by == "the writer"
    assert await asked("DELETE", None, f"/{kept.id}") == await asked("DELETE", "read", f"/{kept.id}") == 401
    assert await asked("DELETE", "write", f"/{kept.id}") == 200


async def test_without_a_model_that_learns_nothing_can_be_taught(tmp_path):
    with night_home(tmp_path) as home:
        home.model = TellsByLevel()
        served = WitnessServed(home)
        assert (await served.ask("GET", WITNESSED))["kinds"] == []
        assert "no kind can be taught" in (await served.sees(microwave(0, 0), 422))["error"]["message"]


async def test_where_nobody_tells_appliances_it_is_said_what_to_set(tmp_path):
    with night_home(tmp_path) as home:
        served = Served(home.store, at(FIRST))
        assert "[appliances]" in (await served.ask("GET", WITNESSED, status=404))["error"]["message"]


def _microwave(told: dict) -> dict:
    [kind] = [kind for kind in told["kinds"] if kind["kind"] == "microwave"]
    return {name: kind[name] for name in ("ran", "needed", "told")}
