"""Good inputs of the parsers, from which others are made."""

import gzip
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa

from chowon.ingest.csv_guess import guess
from chowon.meters import enertalk, register_files
from chowon.meters.enertalk import Telemetry
from tests.laws.decoded_invariants import NOW_MS

RECORDINGS = Path(__file__).parents[1] / "recordings"
_GERMAN = """Verbrauchsdaten;Zähler 1EMH0012345678

Datum von;Uhrzeit von;Verbrauch [kWh];Status
25.10.2026;01:45;0,125;W
25.10.2026;02:00;0,250;W
25.10.2026;02:00;1,000;W
"""
_KOREAN = """고객번호,0612345678
일시,사용량(kWh),역송(kWh)
2026-11-01 00:00,0.42,0
2026-11-01 01:00,0.38,0.1
"""
_AMERICAN = """TYPE,DATE,START TIME,USAGE (kWh)
Electric usage,1/13/2026,00:00,0.5
Electric usage,1/14/2026,01:00,0.5
"""
_COUNTERS = """timestamp\tMeter reading total (Wh)\tPower (kW)\tVoltage [V]\tCurrent [A]
1795438800\t14834211\t0.812\t230\t1.5
1795438860\t14834224\t0.790\t231\t1.4
1795438920\t14834237\t0.800\t\t1.4
"""
_FOREIGN = (_GERMAN, _KOREAN, _AMERICAN, _COUNTERS)
_OWN = (
    "time,channel,power_w,voltage_v,import_wh\n1795400000000,main,812.5,220.1,5\n"
    "2026-11-23T10:00:00+09:00,heat_pump,1e3,,\n",
    "timestamp,mains,voltage,fridge\n2026-11-23T10:00:00Z,100,230,5\n2026-11-23 10:00:01,101,,\n",
    "time,power_w\n2026-02-30,1\n\n1795400000000,x\n1,2,3\n",
)
_TEMPLATES = (
    "{{ value }}",
    "{{ value_json.ENERGY['Power'][0] | float(0) * 1000 }}\n" + '{"ENERGY": {"Power": [1, 2]}}',
    "{{- (value_json['a'][2] | round(2)) / -3.5e2 | default('x') -}}",
)
_METER_FILES = (
    'kind = "dsmr"\nsite = "home"\nserial = "/dev/ttyUSB0"\nsilence_s = 30\n',
    'kind = "modbus"\nsite = "home"\nmeter = "pv"\ntcp = "192.168.0.20:502"\nunit = 3\nrtu = true\n',
)


def _recorded(folder: str, pattern: str) -> list[Path]:
    return sorted((RECORDINGS / folder).glob(pattern))


def streams() -> tuple[bytes, ...]:
    """Telegrams and files one after the other, with noise before."""
    telegrams = b"noise\r\n".join(path.read_bytes() for path in _recorded("dsmr-p1", "*.payload"))
    sml = b"\x1b\x1b".join(path.read_bytes() for path in _recorded("sml", "*.payload"))
    return b"\x20" + telegrams, b"\x41" + sml, b"\x00" + telegrams[:700], b"\x01" + sml[:500]


def green_button() -> tuple[bytes, ...]:
    """Recorded feeds."""
    return tuple(path.read_bytes() for path in _recorded("green-button", "*.xml"))


def foreign_csv() -> tuple[bytes, ...]:
    """Files of other systems."""
    return tuple(text.encode() for text in _FOREIGN)


def mapped_csv() -> tuple[bytes, ...]:
    """The same with the mapping of each."""
    mappings = (guess(text, "Europe/Berlin", "utf-8").mapping.toml() for text in _FOREIGN)
    return tuple(f"{m}\n---\n{text}".encode() for m, text in zip(mappings, _FOREIGN, strict=True))


def own_csv() -> tuple[bytes, ...]:
    """Files in the columns of the API, and a recording."""
    return tuple(bytes([n & 1]) + text.encode() for n, text in enumerate(_OWN))


def arrow_streams() -> tuple[bytes, ...]:
    """Tables of every kind of column, good and bad: a stream's own checks leave few changed bytes alive."""
    times = [NOW_MS - 1000, NOW_MS, None]
    numbers = [1.5, None, -3.0]
    tables = [
        {"time": pa.array(times), "site": ["home"] * 3, "power_w": pa.array(numbers)},
        {"time": pa.array(times, pa.timestamp("ns", "Asia/Seoul")), "site": ["a", None, "b"]},
        {"time": pa.array(times, pa.timestamp("s")), "power_w": pa.array(numbers, pa.float16())},
        {"time": pa.array(times), "import_wh": pa.array([2**64 - 1, 0, None], pa.uint64())},
        {"time": pa.array(times), "power_w": pa.array([None] * 3, pa.int8()), "voltage_v": pa.array(numbers)},
        {"time": pa.array([]), "power_w": pa.array([], pa.float64())},
        {"time": pa.array(["x"]), "power_w": pa.array([b"x"]), "power": pa.array([[1]]), "é": pa.array([{}])},
    ]
    names = pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int8()), ["home", None])
    tables.append({"time": pa.array(times), "site": names, "meter": names, "power_w": pa.array(numbers)})
    return tuple(b"\0" + _stream(pa.table(columns), n) for columns in tables for n in (1, 100))


def _stream(table: pa.Table, rows: int) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return bytes(sink.getvalue())


def templates() -> tuple[bytes, ...]:
    """A template, a message."""
    return tuple(text.encode() for text in _TEMPLATES)


def announcements() -> tuple[bytes, ...]:
    """What devices announce, and then say."""
    found = []
    for path in _recorded("home-assistant", "*.json"):
        recorded = json.loads(path.read_text("utf-8"))
        blocks = [
            *recorded["announced_by"],
            *((said["topic"], said["payload"]) for said in recorded["messages"]),
        ]
        texts = (
            (topic, s if isinstance(s, str) else json.dumps(s, ensure_ascii=False)) for topic, s in blocks
        )
        found.append("\0".join(f"{topic}\n{text}" for topic, text in texts).encode())
    sensor = {
        "uniq_id": "u",
        "stat_t": "s/1",
        "dev_cla": "power",
        "unit_of_meas": "kW",
        "dev": {"ids": ["d"]},
    }
    sensor |= {"val_tpl": "{{ value_json.p * 2 }}", "name": "Power Phase A"}
    device = {"dev": {"ids": "e", "name": "E"}, "cmps": {"a": {"p": "sensor"} | sensor}, "~": "t"}
    found.append(f'homeassistant/sensor/x/config\n{json.dumps(sensor)}\0s/1\n{{"p": 3}}'.encode())
    found.append(f'homeassistant/device/y/config\n{json.dumps(device)}\0s/1\n{{"p": 3}}'.encode())
    return tuple(found)


def shelly_records() -> tuple[bytes, ...]:
    """Answers of both kinds."""
    start_s = NOW_MS // 1000 - 86_400
    keys = [f"{phase}_total_act{ret}_energy" for phase in "abc" for ret in ("", "_ret")]
    values = [[1, 2, 3, 4, 5, 6], [None, 0, 1, 1.5, "2", 0]]
    answer = {
        "keys": keys,
        "data": [{"ts": start_s, "period": 60, "values": values}],
        "data_blocks": [{"ts": start_s, "period": 60, "records": 2}],
        "next_record_ts": start_s + 120,
    }
    single = {"keys": ["total_act_energy"], "data": [{"ts": start_s, "period": 300, "values": [[5]]}]}
    return json.dumps(answer).encode(), json.dumps({"id": 1, "result": single}).encode()


def register_maps() -> tuple[bytes, ...]:
    """Those that come with chowon, and one that uses everything."""
    shipped = [path for path in register_files._shipped().iterdir() if path.name.endswith(".toml")]
    own = (
        'name = "x"\nsource = "y"\nword_order = "little"\n[[value]]\nfield = "import_wh"\nkind = "holding"\n'
    )
    own += 'address = 10\ntype = "uint64"\nscale = 0.1\nabsent = 65535\nchannel = "c"\n'
    return (*(path.read_bytes() for path in shipped), own.encode())


def meter_files() -> tuple[bytes, ...]:
    """One of each kind."""
    return tuple(text.encode() for text in _METER_FILES)


def tariff_files() -> tuple[bytes, ...]:
    """Some of those that come with chowon: short ones, with hours, with tiers."""
    names = (
        "gb/octopus/agile",
        "jp/tepco/juryo_b",
        "us/pge/e_tou_c",
        "kr/kepco/street_light",
        "dk/nrgi/time_n1",
    )
    folder = resources.files("chowon.tariffs")
    return tuple((folder / f"{name}.toml").read_bytes() for name in names)


def config_files() -> tuple[bytes, ...]:
    """One with something of every section."""
    text = '[data]\nfolder = "x"\nshards = 2\n[server]\nport = 9000\ntoken = "0123456789abcdef"\n'
    text += '[mqtt]\nbroker = "off"\ntls = true\n[enertalk]\nnetworks = ["192.168.0.0/24", "fe80::/10"]\n'
    return (
        (text + '[ingest]\nmax_channels = 5\n[defaults]\ntimezone = "Asia/Seoul"\nhold_s = 10.5\n').encode(),
    )


def bodies() -> tuple[bytes, ...]:
    """Packed bodies, and such as are packed on the way."""
    return (
        b"\x00" + gzip.compress(b"meter,site=home power_w=1\n" * 20),
        b"\x00" + gzip.compress(bytes(2 * 2**20)),
        b"\x84" + b"x" * 1000,
        b"\x05" + bytes(1000),
        b"\x02plain",
    )


def enertalk_streams() -> tuple[bytes, ...]:
    """Frames one after the other."""
    power = np.arange(15)
    told = Telemetry("00" * 10, NOW_MS, 6001, 220_500, 4_200, 123, power, -power)
    recorded = [path.read_bytes() for path in _recorded("enertalk", "*.payload")]
    return b"".join(recorded), enertalk.hello("00" * 10) + enertalk.telemetry(told)
