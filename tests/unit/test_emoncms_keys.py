"""What the keys of emonCMS inputs mean."""

import pytest

from chowon.meters.emoncms_keys import Meaning, meaning


@pytest.mark.parametrize(
    ("key", "channel", "field", "factor"),
    [
        ("power1", "1", "power_w", 1),
        ("P12", "12", "power_w", 1),
        ("power", "main", "power_w", 1),
        ("ct3", "3", "power_w", 1),
        ("wh1", "1", "import_wh", 1),
        ("kwh", "main", "import_wh", 1000),
        ("export_kwh", "main", "export_wh", 1000),
        ("V2", "2", "voltage_v", 1),
        ("Irms1", "1", "current_a", 1),
        ("fridge_power", "fridge", "power_w", 1),
        ("heat_pump_kWh", "heat_pump", "import_wh", 1000),
        ("solar", "solar", "power_w", 1),
        ("3", "3", "power_w", 1),
    ],
)
def test_a_key_of_electricity_is_a_quantity_of_a_channel(key, channel, field, factor):
    assert meaning(key) == Meaning(channel, field, factor)


@pytest.mark.parametrize(("key", "field"), [("Vrms", "voltage_v"), ("freq", "frequency_hz")])
def test_voltage_and_frequency_without_a_number_are_of_the_whole_node(key, field):
    assert meaning(key) == Meaning(None, field, 1)


@pytest.mark.parametrize(
    "key", ["", "E1", "t1", "temperature", "pulseCount", "MSG", "rssi", "power1pluspower2", "x" * 500]
)
def test_what_is_no_electricity_means_nothing(key):
    assert meaning(key) is None
