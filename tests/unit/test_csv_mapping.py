"""CSV files of other people's systems: guessed, mapped, imported."""

import csv
import io
import json
from pathlib import Path

import pytest

from chowon.errors import BadInput
from chowon.ingest.csv_guess import guess
from chowon.ingest.csv_mapping import parse_mapping
from tests.unit.test_transfer import chowon, write

GERMAN = """Verbrauchsdaten;Zähler 1EMH0012345678

Datum von;Uhrzeit von;Verbrauch [kWh];Status
25.10.2026;01:45;0,125;W
25.10.2026;02:00;0,250;W
25.10.2026;02:15;0,500;W
25.10.2026;02:30;0,125;W
25.10.2026;02:45;0,125;W
25.10.2026;02:00;1,000;W
25.10.2026;02:15;0,125;W
"""
KOREAN = """고객번호,0612345678
일시,사용량(kWh),역송(kWh)
2026-11-01 00:00,0.42,0
2026-11-01 01:00,0.38,0.1
2026-11-01 02:00,0.40,0
"""
AMERICAN = "TYPE,DATE,START TIME,USAGE (kWh)\n" + "".join(
    f"Electric usage,{m}/{d}/2026,{h:02d}:00,0.5\n" for m in (1, 2) for d in (13, 14) for h in (0, 1, 2)
)
COUNTERS = (
    "timestamp\tMeter reading total (Wh)\tPower (kW)\n"
    "1795438800\t14834211\t0.812\n1795438860\t14834224\t0.790\n1795438920\t14834237\t0.800\n"
)


def test_a_german_export_with_a_preface_is_understood():
    found = guess(GERMAN, "Europe/Berlin")
    mapping = found.mapping
    assert (mapping.delimiter, mapping.decimal, mapping.header_line) == (";", ",", 3)
    assert mapping.time == ("Datum von", "Uhrzeit von")
    assert mapping.time_format == "%d.%m.%Y %H:%M"
    assert [(v.column, v.means, v.channel) for v in mapping.value] == [
        ("Verbrauch [kWh]", "interval_import_kwh", "main")
    ]
    assert any("stamp" in question for question in found.unsure)


def test_korean_words_and_two_directions_are_understood():
    mapping = guess(KOREAN, "Asia/Seoul").mapping
    assert mapping.header_line == 2
    assert [(v.means, v.channel) for v in mapping.value] == [
        ("interval_import_kwh", "main"),
        ("interval_export_kwh", "export"),
    ]


def test_month_and_day_are_told_apart_by_the_days_above_twelve():
    found = guess(AMERICAN, "America/Los_Angeles")
    assert found.mapping.time_format.startswith("%m/%d/%Y")
    assert not any("time_format" in question for question in found.unsure)


def test_what_two_readings_fit_equally_well_is_asked():
    text = "date,kWh\n" + "".join(f"0{n}/0{n + 1}/2026 00:00,1.0\n" for n in range(1, 6))
    questions = guess(text, "Asia/Seoul").unsure
    assert any(
        "as '%d/%m/%Y %H:%M' or as '%m/%d/%Y %H:%M' (time_format)?" in question for question in questions
    )


def test_counters_power_and_seconds_since_1970_are_understood():
    mapping = guess(COUNTERS, "Asia/Seoul").mapping
    assert (mapping.delimiter, mapping.time_format) == ("\t", "epoch s")
    assert [v.means for v in mapping.value] == ["counter_import_wh", "power_kw"]


@pytest.mark.parametrize(
    "text", ["", "one column\n1\n2\n", "a,b\nx,y\nz,w\n", "time,remark\n2026-01-01T00:00,x\n"]
)
def test_a_file_without_times_or_numbers_is_refused(text):
    with pytest.raises(BadInput, match="by hand"):
        guess(text, "Asia/Seoul")


@pytest.mark.parametrize("text", [GERMAN, KOREAN, AMERICAN, COUNTERS])
def test_a_mapping_comes_back_from_its_file_the_same(text):
    mapping = guess(text, "Europe/Berlin").mapping
    assert parse_mapping(mapping.toml(), "x.toml") == mapping


def test_all_problems_of_a_mapping_are_told_at_once():
    text = 'delimiter = ":"\ntime = "t"\ntimezone = "Nowhere"\n[[value]]\ncolumn = "x"\nmeans = "gas"\n'
    with pytest.raises(BadInput) as refused:
        parse_mapping(text, "m.toml")
    said = str(refused.value)
    for where in ("delimiter", "time_format", "timezone", "value.0.means"):
        assert where in said


def _imported(tmp_path: Path, text: str, mapping: str, resolution: str = "15min") -> tuple[dict, list[dict]]:
    done = chowon(
        "import",
        write(tmp_path / "theirs.csv", text),
        *("--mapping", write(tmp_path / "m.toml", mapping), "--data", tmp_path / "a", "--json"),
    )
    told = json.loads(done.stdout)
    exported = chowon("export", "--resolution", resolution, "--data", tmp_path / "a").stdout
    return told, list(csv.DictReader(io.StringIO(exported)))


def test_energy_by_interval_is_kept_over_the_hour_that_comes_twice(tmp_path):
    told, rows = _imported(tmp_path, GERMAN, guess(GERMAN, "Europe/Berlin").mapping.toml())
    assert (told["accepted"], told["rejected"]) == (14, 0)
    kwh = [round(float(row["import_kwh"]), 3) for row in rows]
    assert kwh == [0.125, 0.25, 0.5, 0.125, 0.125, 1.0, 0.125]
    assert rows[0]["start"].startswith("2026-10-24 23:45")


def test_a_stamp_at_the_end_of_its_interval_is_moved_to_its_start(tmp_path):
    mapping = guess(KOREAN, "Asia/Seoul").mapping.model_copy(update={"stamp": "end"}).toml()
    _, rows = _imported(tmp_path, KOREAN, mapping, "1h")
    main = [row for row in rows if row["channel"] == "main"]
    assert [round(float(row["import_kwh"]), 2) for row in main] == [0.42, 0.38, 0.40]
    assert main[0]["start"].startswith("2026-10-31 14:00")
    export = [row for row in rows if row["channel"] == "export"]
    assert [round(float(row["export_kwh"]), 2) for row in export] == [0, 0.1, 0]


def test_a_bad_row_is_named_by_its_line_and_the_others_are_kept(tmp_path):
    text = GERMAN.replace("02:30;0,125", "02:30;viel").replace("02:45", "2h45")
    told, _ = _imported(tmp_path, text, guess(GERMAN, "Europe/Berlin").mapping.toml())
    assert told["rejected"] == 2
    assert [p["where"] for p in told["problems"]] == ["line 7.Verbrauch [kWh]", "line 8.Datum von"]


def test_counters_and_power_of_a_row_are_one_reading(tmp_path):
    told, _ = _imported(tmp_path, COUNTERS, guess(COUNTERS, "Asia/Seoul").mapping.toml())
    assert told["accepted"] == 3


def test_a_column_with_a_few_cells_that_are_no_numbers_is_still_understood():
    found = guess(KOREAN.replace("0.40", "-"), "Asia/Seoul")
    assert [value.column for value in found.mapping.value] == ["사용량(kWh)", "역송(kWh)"]


def test_energy_by_the_day_is_understood():
    text = "날짜,사용량(kWh)\n" + "".join(f"2026-11-{day:02d},8.{day}\n" for day in range(1, 20))
    mapping = guess(text, "Asia/Seoul").mapping
    assert (mapping.time, mapping.time_format) == ("날짜", "%Y-%m-%d")


@pytest.mark.parametrize("other", ["power_w", "power_kw", "interval_export_wh", "interval_import_wh"])
def test_energy_of_intervals_and_power_on_one_channel_are_refused_not_chosen_in_silence(tmp_path, other):
    tree = guess(KOREAN, "Asia/Seoul").mapping.toml()
    both = tree.replace('means = "interval_export_kwh"\nchannel = "export"', f'means = "{other}"')
    done = chowon(
        "import",
        write(tmp_path / "k.csv", KOREAN),
        *("--mapping", write(tmp_path / "m.toml", both), "--data", tmp_path / "a"),
    )
    assert done.exit_code != 0
    said = str(done.exception)
    assert "both tell the power of channel 'main'; leave one of them out" in said
    assert "'사용량(kWh)'" in said
    assert "'역송(kWh)'" in said


def test_more_rows_than_are_held_at_once_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("chowon.ingest.csv_foreign.BLOCK_ROWS", 2)
    monkeypatch.setattr("chowon.ingest.files.ROWS", 2)
    monkeypatch.setattr("chowon.ingest.csv_foreign.blocks.__defaults__", (2,))
    told, _ = _imported(tmp_path, COUNTERS, guess(COUNTERS, "Asia/Seoul").mapping.toml())
    assert told["accepted"] == 3


def test_a_guess_is_written_out_with_what_to_look_at(tmp_path):
    done = chowon("import", write(tmp_path / "k.csv", KOREAN), "--guess", "--data", tmp_path / "a")
    assert done.exit_code == 0
    assert parse_mapping(done.stdout, "stdout").value[0].column == "사용량(kWh)"
    assert "look at: Is the time of a row the start of its interval" in done.stderr
    assert "line 3 is read as 2026-11-01T00:00:00+09:00" in done.stderr


def test_a_mapping_that_does_not_fit_the_file_says_which_columns_there_are(tmp_path):
    file = write(tmp_path / "k.csv", KOREAN)
    mapping = write(tmp_path / "m.toml", guess(GERMAN, "Europe/Berlin").mapping.toml())
    done = chowon("import", file, "--mapping", mapping, "--data", tmp_path / "a")
    assert done.exit_code != 0
    assert "has no column 'Datum von'" in str(done.exception)


def test_of_two_columns_that_say_the_same_the_first_is_taken_and_the_other_told():
    text = "time,Power (W),Power (kW)\n2026-11-23T10:00,812,0.812\n2026-11-23T10:01,800,0.8\n"
    found = guess(text, "Asia/Seoul")
    assert [value.column for value in found.mapping.value] == ["Power (W)"]
    assert any("'Power (kW)' seems to say the same" in question for question in found.unsure)


def test_a_preface_with_a_line_end_in_a_cell_does_not_move_the_header():
    found = guess('"a note\nof two lines",x\n' + KOREAN, "Asia/Seoul")
    assert found.mapping.header_line == 4


@pytest.mark.parametrize("text", ['a,b\n1,"' + "x" * 200_000, ",".join(map(str, range(5000))) + "\n" * 3])
def test_a_file_that_is_no_table_is_refused_in_words(text):
    with pytest.raises(BadInput, match="no table"):
        guess(text, "Asia/Seoul")


def test_a_zone_that_does_not_exist_is_told_when_guessing():
    with pytest.raises(BadInput, match="timezone"):
        guess(KOREAN, "Asia/Atlantis")


def test_any_name_of_a_column_survives_the_mapping_file():
    name = 'kWh "total"\n\\x7f\x7f\t'.strip() + "\x01"
    mapping = guess(KOREAN, "Asia/Seoul").mapping
    odd = mapping.model_copy(update={"value": (mapping.value[0].model_copy(update={"column": name}),)})
    assert parse_mapping(odd.toml(), "m.toml") == odd


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("header_line", "9000000000000", "less than or equal to 10000"),
        ("encoding", '"klingon"', "no encoding of this name"),
        ("encoding", '"rot13"', "no encoding of this name"),
        ("time_format", '"%d %d"', "stands in it twice"),
        ("header_line", "9" * 5000, "not valid TOML"),
        ("header_line", "[" * 5000, "not valid TOML"),
    ],
)
def test_a_mapping_that_cannot_work_says_why(key, value, said):
    lines = guess(KOREAN, "Asia/Seoul").mapping.toml().splitlines()
    changed = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in lines]
    with pytest.raises(BadInput, match=said):
        parse_mapping("\n".join(changed), "m.toml")


def test_numbers_and_times_that_nothing_can_hold_cost_their_row_only(tmp_path):
    text = "time,Power (kW)\n1795438800,1\n1795438860,1e300\n99999999999999999999,1\n1795438920,2\n"
    mapping = guess(text.replace("1e300", "1").replace("9" * 20, "1795438900"), "Asia/Seoul").mapping
    told, _ = _imported(tmp_path, text, mapping.toml())
    assert (told["accepted"], told["rejected"]) == (2, 2)
    assert [p["where"] for p in told["problems"]] == ["line 3.Power (kW)", "line 4.time"]
