"""What a server answers of runs that people saw, as docs/reference/api.md has it; kept in memory."""

import json
import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from playwright.sync_api import Page, Route

KINDS = {
    "kettle": {"ko": "전기 주전자", "en": "Kettle"},
    "microwave": {"ko": "전자레인지", "en": "Microwave"},
    "dishwasher": {"ko": "식기세척기", "en": "Dishwasher"},
    "oven": {"ko": "오븐", "en": "Oven"},
}
ENOUGH = 3
PLACE = re.compile(r"/appliances/witnessed(?:/(\d+))?$")


@dataclass
class Witnessed:
    """Answers the page's questions. known: kinds that are told without being taught here."""

    now_ms: int
    known: tuple[str, ...] = ("kettle", "dishwasher")
    runs: list[dict[str, Any]] = field(default_factory=list)
    told: bool | None = None
    refuses: str | None = None
    """Why nothing is taken, in the server's words"""
    ids: Any = field(default_factory=lambda: count(1))

    def serve(self, page: Page) -> None:
        page.route(PLACE, self._answer)

    def say(self, kind: str, start_ms: int, end_ms: int, ran: bool = True) -> None:
        """In place of what was said of the same kind and time."""
        self.runs = [
            run
            for run in self.runs
            if run["kind"] != kind or run["end_ms"] <= start_ms or run["start_ms"] >= end_ms
        ]
        said = {"id": next(self.ids), "kind": kind, "label": KINDS[kind], "ran": ran, "told": self.told}
        self.runs.insert(0, said | {"start_ms": start_ms, "end_ms": end_ms, "made_ms": self.now_ms})

    def _answer(self, route: Route) -> None:
        method, number = route.request.method, PLACE.search(route.request.url)
        assert number is not None
        if method != "GET" and self.refuses is not None:
            route.fulfill(status=422, json={"error": {"message": self.refuses}})
            return
        if method == "POST":
            self.say(**json.loads(route.request.post_data or ""))
        elif method == "DELETE":
            self.runs = [run for run in self.runs if run["id"] != int(number[1])]
        route.fulfill(json={"site": 1, "runs": self.runs, "kinds": [self._kind(kind) for kind in KINDS]})

    def _kind(self, kind: str) -> dict[str, Any]:
        ran = sum(run["kind"] == kind and run["ran"] for run in self.runs)
        needed = 0 if kind in self.known else max(0, ENOUGH - ran)
        return {"kind": kind, "label": KINDS[kind], "ran": ran, "needed": needed, "told": needed == 0}
