"""An old EnerTalk client against a running server: its token, its header, its floats."""

import json
from pathlib import Path

from tests.system.programs import eventually, run, serve

NOW_MS = 1_795_400_000_000


def test_an_old_client_needs_a_token_of_ours_and_a_path_before_its_own(tmp_path: Path) -> None:
    reading = {"site": "home", "time": NOW_MS, "power_w": 812.5, "voltage_v": 220.4, "import_wh": 14834.2}
    with serve(tmp_path) as server:
        server.ready()
        scopes = ("--scope", "read", "--scope", "write")
        issued = run("token", "issue", "old", *scopes, "--data", tmp_path, "--json")
        bearer = {"Authorization": f"Bearer {json.loads(issued.out)['token']}", "accept-version": "2.0.0"}
        eventually(lambda: server.ask("/compat/enertalk/sites")[0] == 401)
        body = json.dumps({"readings": [reading, reading | {"time": NOW_MS + 1_000}]}).encode()
        assert server.post(body, Authorization=bearer["Authorization"])[0] == 200
        status, refused = server.ask("/compat/enertalk/sites")
        assert (status, refused["type"]) == (401, "UnauthorizedError")
        _, sites = server.ask("/compat/enertalk/sites", headers=bearer)
        there = f"/compat/enertalk/sites/{sites[0]['id']}/usages"
        status, now = server.ask(f"{there}/realtime", headers=bearer)
        assert (status, now["timestamp"], now["activePower"]) == (200, NOW_MS + 1_000, 812_500)
        assert (now["voltage"], now["positiveEnergy"]) == (220_400, 14_834_200)
        span = f"period=15min&start={NOW_MS - 900_000}.0&end={NOW_MS + 900_000}.0"
        status, told = server.ask(f"{there}/periodic/?{span}", headers=bearer)
        assert (status, told["usage"]) == (200, 226)  # 812.5 W for the second between the two
        status, billed = server.ask(f"{there}/billing?timeType=pastToFuture", headers=bearer)
        assert (status, billed["period"]) == (200, "month")
        status, refused = server.ask(f"{there}/billing?start=0", headers=bearer)
        assert (status, refused["type"]) == (400, "BadRequestError")
        assert server.ask("/compat/enertalk/nothing", headers=bearer)[0] == 404
