"""`chowon meters`: devices that a running server hears, and the places that they have."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from chowon.cli.output import AsJson, emit, note, table
from chowon.cli.settings import ConfigFile, DataFolder, loaded
from chowon.domain.sites import UNPLACED, Placement
from chowon.errors import BadInput, NotAllowed, NotFound, Unavailable

Url = Annotated[str | None, typer.Option(help="a running server [the one that the settings describe]")]
Token = Annotated[str | None, typer.Option(envvar="CHOWON_TOKEN", help="its token")]
Device = Annotated[str, typer.Argument(help="family/device, as `chowon meters list` shows it")]
Lang = Annotated[Literal["ko", "en"], typer.Option(help="language of the explanations")]
ROLES = ("main", "phase", "circuit", "plug", "solar", "aside")
ANSWER_WITHIN_S = 30.0

app = typer.Typer(no_args_is_help=True, help="Devices that talk to this server: give each its place.")


@app.command("list")
def list_(
    url: Url = None,
    token: Token = None,
    lang: Lang = "en",
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Devices that talk and have no place yet, those that have one, and what is wrong when none is heard.

    Where no server runs over the data folder: the places that it holds.
    """
    try:
        told = _Server.of(url, token, config, data).ask("GET", "/devices")
    except Unavailable as error:
        if url is not None:
            raise
        told = _kept(loaded(config, data).config.data.folder)
        note(f"{error}. Who talks is not known without it; these have their places:")
    rows = [*_talking_rows(told), *_placed_rows(told)]
    emit(told, as_json, lambda: table(("device", "channel", "W", "every", "place"), rows))
    for finding in told["reception"]["findings"] if not as_json else ():
        note(finding["text"][lang])


@app.command()
def add(
    device: Device,
    site: Annotated[str | None, typer.Option(help="site key [as suggested]")] = None,
    line: Annotated[
        list[str] | None,
        typer.Option(help="CHANNEL=ROLE, or CHANNEL=skip; ROLE: main, phase, circuit, plug, solar, aside"),
    ] = None,
    turn: Annotated[list[str] | None, typer.Option(help="a channel that is clamped the wrong way")] = None,
    straight: Annotated[list[str] | None, typer.Option(help="a channel that is not to be turned")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what it would mean, change nothing")
    ] = False,
    url: Url = None,
    token: Token = None,
    lang: Lang = "en",
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Give a device that talks its place, as suggested or as the options say."""
    server = _Server.of(url, token, config, data)
    path = _path(device)
    talking = server.ask("GET", path)["talking"]
    if talking is None:
        raise NotFound(f"{device} has its place already; `chowon meters remove {device}` takes it away")
    wish = _wish(talking["suggestion"], site, line or (), (turn or (), straight or ()))
    checked = server.ask("POST", f"{path}/check", wish)
    if not dry_run:
        server.ask("PUT", path, wish)
    kept = [_line_row(wanted) for wanted in wish["lines"]]
    emit(
        {"site": wish["site"], "placed": not dry_run, "lines": wish["lines"]} | checked,
        as_json,
        lambda: table(("channel", "place", "role", "hold", "turned"), kept),
    )
    if as_json:
        return
    for suggested in talking["suggestion"]["lines"]:
        for why in suggested["why"]:
            note(f"{suggested['name']}: {why['text'][lang]}")
    for told in checked["notes"]:
        note(told["text"][lang])


@app.command()
def remove(
    device: Device,
    part: Annotated[
        bool,
        typer.Option("--no-total", help="its channels no longer count as the total, past bills included"),
    ] = False,
    url: Url = None,
    token: Token = None,
    config: ConfigFile = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Take its place from a device; what it measured stays."""
    server = _Server.of(url, token, config, data)
    server.ask("DELETE", f"{_path(device)}?counts={'false' if part else 'true'}")
    emit({"removed": device}, as_json, lambda: f"removed: {device}")


class _Server:
    """The API of a running server."""

    def __init__(self, url: str, token: str | None) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"--url {url}: expected http://… or https://…")
        self._url, self._token = url.rstrip("/"), token

    @classmethod
    def of(cls, url: str | None, token: str | None, config: Any, data: Any) -> "_Server":
        """The named one, or the one that the settings describe."""
        if url is not None:
            return cls(url, token)
        server = loaded(config, data).config.server
        host = "127.0.0.1" if server.host in ("0.0.0.0", "::") else server.host  # noqa: S104 - read only
        return cls(f"http://{host}:{server.port}", token or server.token)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that it answers. Errors: as it says them; Unavailable when it doesn't."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        content = None if body is None else json.dumps(body).encode()
        where = f"{self._url}/api/v1{path}"
        request = urllib.request.Request(where, content, headers, method=method)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310 - likewise
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            message = json.load(error)["error"]["message"]
            known = {401: NotAllowed, 404: NotFound, 422: BadInput}
            raise known.get(error.code, Unavailable)(message) from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise Unavailable(
                f"{self._url} does not answer ({error}); is chowon serve running there? --url names another"
            ) from error


def _kept(folder: Path) -> dict[str, Any]:
    """The places that a data folder holds, in the shape of GET /devices. Errors: NotFound, Misconfigured."""
    from chowon.store.catalog.placements import CatalogPlacements
    from chowon.store.opening import open_reader

    reader = open_reader(folder)
    try:
        placements = CatalogPlacements(reader.catalog).placements()
    finally:
        reader.close()
    placed = [_kept_line(placement) for placement in placements]
    return {"talking": [], "placed": placed, "reception": {"findings": []}}


def _kept_line(placement: Placement) -> dict[str, Any]:
    key, channel = placement.key, placement.channel
    line: dict[str, Any] = {"name": key.channel, "turned": placement.turned, "channel_id": None}
    line |= {"power_w": None, "interval_ms": None}
    if channel is not None:
        line |= {"channel_id": channel.id, "meter": channel.key.meter}
        line |= {"channel": channel.key.channel, "role": channel.role}
    site = None if channel is None else channel.key.site
    of: dict[str, Any] = {"family": key.site.removeprefix(UNPLACED), "device": key.meter, "site": site}
    return of | {"silent_since_ms": None, "channels": [line]}


def _path(device: str) -> str:
    family, _, name = device.partition("/")
    if not family or not name or "/" in name:
        raise BadInput(f"{device!r}: expected family/device, such as shelly/shellyem3-1a2b3c")
    return f"/devices/{family}/{name}"


def _wish(
    suggestion: dict[str, Any],
    site: str | None,
    lines: Any,
    signs: tuple[Any, Any],
) -> dict[str, Any]:
    """The suggestion with what the options say instead. Errors: BadInput for a channel that it has not."""
    wanted = {given["name"]: {k: v for k, v in given.items() if k != "why"} for given in suggestion["lines"]}
    for option in lines:
        name, _, role = option.partition("=")
        _known("--line", name, wanted)
        if role != "skip" and role not in ROLES:
            raise BadInput(f"--line {option}: expected CHANNEL={', '.join(ROLES)} or skip")
        wanted[name] |= {"keep": role != "skip"} | ({} if role == "skip" else {"role": role})
    for name, turned in (
        (n, turned) for turned, names in zip((True, False), signs, strict=True) for n in names
    ):
        _known("--turn", name, wanted)
        wanted[name]["turned"] = turned
    moved = site is not None and site != suggestion["site"]
    kept = [given | ({"meter": None} if moved else {}) for given in wanted.values()]
    return {"site": site or suggestion["site"], "lines": kept}


def _known(option: str, name: str, lines: dict[str, Any]) -> None:
    if name not in lines:
        raise BadInput(f"{option} {name}: the device has no such channel; it has {', '.join(lines)}")


def _talking_rows(told: dict[str, Any]) -> list[list[str]]:
    rows = []
    for device in told["talking"]:
        for channel in device["channels"]:
            watts = channel["values"].get("power_w")
            name = f"{device['family']}/{device['device']}"
            rows.append([name, channel["name"], _watts(watts), _every(channel["interval_ms"]), "none yet"])
    return rows


def _placed_rows(told: dict[str, Any]) -> list[list[str]]:
    rows = []
    for device in told["placed"]:
        since = device["silent_since_ms"]
        silent = "" if since is None else f" (silent for {_span(told['time_ms'] - since)})"
        for channel in device["channels"]:
            place = "passed over"
            if channel["channel_id"] is not None:
                where = f"{device['site']}/{channel['meter']}/{channel['channel']}"
                place = f"{where} as {channel['role']}{', turned' if channel['turned'] else ''}{silent}"
            watts, every = _watts(channel["power_w"]), _every(channel["interval_ms"])
            rows.append([f"{device['family']}/{device['device']}", channel["name"], watts, every, place])
    return rows


def _line_row(line: dict[str, Any]) -> list[str]:
    if not line["keep"]:
        return [line["name"], "passed over", "", "", ""]
    place = f"{line['meter'] or '(device)'}/{line['channel']}"
    held = f"{line['hold_ms'] / 1000:g} s"
    return [line["name"], place, cast("str", line["role"]), held, "yes" if line["turned"] else ""]


def _watts(power_w: float | None) -> str:
    return "" if power_w is None else f"{power_w:,.1f}"


def _every(interval_ms: int | None) -> str:
    return "" if interval_ms is None else f"{interval_ms / 1000:g} s"


def _span(length_ms: int) -> str:
    for size_ms, unit in ((86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes")):
        if length_ms >= 2 * size_ms:
            return f"{length_ms // size_ms} {unit}"
    return f"{length_ms // 1000} s"
