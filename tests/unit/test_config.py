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


def test_webhooks_are_tables_of_their_own_and_their_addresses_are_never_shown(tmp_path):
    file = write(
        tmp_path,
        '[[webhook]]\nurl = "https://a.example/key-in-path"\nsecret = "0123456789abcdef"\n'
        '[[webhook]]\nurl = "http://127.0.0.1:9/"\nevents = ["meter.back"]\n',
    )
    loaded = load(file, {})
    first, second = loaded.config.webhook
    assert len(first.events) == 5
    assert second.events == ("meter.back",)
    explained = {e.key: e for e in loaded.explain()}
    assert explained["webhook[0].url"].value == explained["webhook[0].secret"].value == "(set)"
    assert explained["webhook[1].secret"].value == "(not set)"
    assert explained["webhook[1].events"].value == "meter.back"
    assert explained["webhook[1].events"].origin == str(file)
    assert explained["webhook[1].timeout_s"].origin == "default"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[webhook]]\nurl = "ftp://hidden"', r"webhook\[0\].url .*expected an address"),
        ('[[webhook]]\nurl = "https://me:hidden@x.example/"', "set a secret instead"),
        ('[[webhook]]\nurl = "https://hidden example/"', "expected an address"),
        ('[[webhook]]\nurl = "http://[hidden"', "expected an address"),
        ('[[webhook]]\nurl = "http://x/\\r\\nword: 1"', "expected an address"),
        ('[[webhook]]\nurl = "http://x/"\nevnts = []', r"webhook\[0\].evnts .*did you mean events"),
        ('[[webhook]]\nurl = "http://x/"\nsecret = "hidden"', "at least 16 characters"),
        (
            '[[webhook]]\nurl = "http://x/"\n[[webhook]]\n',
            r"webhook\[1\].url .*Field required; found nothing",
        ),
        ('[webhook]\nurl = "http://hidden/"', r"\[\[webhook\]\]"),
        ("webhook = 3", r"\[\[webhook\]\]"),
        ('[mirror]\ntopic = "chowon/v1/home"', "choose another topic"),
        ('[mirror]\ntopic = "chowon/#"', "mirror.topic"),
        ("[mirror]\nqos = 2", "mirror.qos"),
    ],
)
def test_a_wrong_webhook_or_topic_is_told_with_its_place_and_without_what_may_be_secret(tmp_path, text, told):
    with pytest.raises(Misconfigured, match=told) as error:
        load(write(tmp_path, text), {})
    assert "hidden" not in str(error.value)


def test_webhooks_do_not_come_from_the_environment(tmp_path):
    with pytest.raises(Misconfigured, match=r"CHOWON_WEBHOOK__URL: \[\[webhook\]\]"):
        load(None, {"CHOWON_WEBHOOK__URL": "http://x/"})
    found = load(None, {"CHOWON_MIRROR__QOS": "1", "CHOWON_HOME_ASSISTANT__ENABLED": "true"}).config
    assert (found.mirror.qos, found.home_assistant.enabled) == (1, True)
