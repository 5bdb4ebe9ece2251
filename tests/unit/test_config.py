"""One configuration: file, environment, command line, and messages that help."""

import pytest

from chowon.config import load
from chowon.errors import Misconfigured


def write(folder, text):
    file = folder / "chowon.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_environment_stands_over_the_file_and_the_command_line_over_both(tmp_path):
    file = write(tmp_path, "[server]\nport = 1\n[mqtt]\nport = 2\n")
    environ = {"CHOWON_SERVER__PORT": "3", "CHOWON_MQTT__PORT": "4", "HOME": "/"}
    loaded = load(file, environ, {"mqtt.port": 5, "server.host": None})
    assert (loaded.config.server.port, loaded.config.mqtt.port) == (3, 5)
    assert loaded.origins == {"server.port": "CHOWON_SERVER__PORT", "mqtt.port": "command line"}


def test_an_unknown_setting_is_an_error_that_names_the_nearest_known_one(tmp_path):
    file = write(tmp_path, "[server]\nprot = 1\n[severs]\nport = 1\n")
    with pytest.raises(Misconfigured) as error:
        load(file, {})
    assert "server.prot" in str(error.value)
    assert "did you mean port?" in str(error.value)
    assert "did you mean server?" in str(error.value)


def test_all_wrong_values_are_told_at_once_with_their_origin(tmp_path):
    file = write(tmp_path, "[server]\nport = 70000\n[defaults]\nreading_day = 0\n")
    with pytest.raises(Misconfigured) as error:
        load(file, {"CHOWON_MQTT__PORT": "many"})
    for told in ("server.port", "70000", "defaults.reading_day", "mqtt.port (CHOWON_MQTT__PORT)"):
        assert told in str(error.value)


def test_a_wrong_secret_is_not_told(tmp_path):
    file = write(tmp_path, '[server]\ntoken = "tooshort"\n')
    with pytest.raises(Misconfigured) as error:
        load(file, {})
    assert "server.token" in str(error.value)
    assert "tooshort" not in str(error.value)


def test_every_setting_is_explained_and_no_secret_is_shown(tmp_path):
    file = write(tmp_path, '[server]\ntoken = "a-long-enough-token"\n')
    explained = {e.key: e for e in load(file, {}).explain()}
    assert all(e.meaning for e in explained.values())
    assert explained["server.token"].value == "(set)"
    assert explained["server.token"].origin == str(file)
    assert explained["mqtt.password"].value == "(not set)"
    assert explained["server.port"].origin == "default"


@pytest.mark.parametrize("text", ["[server", "ÿ = [", "server = 3"])
def test_a_file_that_is_not_settings_says_so(tmp_path, text):
    with pytest.raises(Misconfigured, match=r"chowon\.toml"):
        load(write(tmp_path, text), {})


def test_a_file_that_does_not_exist_says_what_to_do(tmp_path):
    with pytest.raises(Misconfigured, match="--config"):
        load(tmp_path / "none.toml", {})
