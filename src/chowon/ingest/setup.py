"""What to copy into a device's settings so that it talks to this server, by family."""

from typing import Final

from chowon.ingest.reception import MqttPlace

_TEMPLATES: Final[dict[str, str]] = {
    "shelly": """\
curl -X POST http://ADDRESS-OF-THE-SHELLY/rpc -d '{{"id": 1, "method": "MQTT.SetConfig", "params": {{"config":
  {{"enable": true, "server": "{host}:{port}", {shelly_user}"rpc_ntf": true}}}}}}'
curl -X POST http://ADDRESS-OF-THE-SHELLY/rpc -d '{{"id": 2, "method": "Shelly.Reboot"}}'""",
    "tasmota": """\
Backlog MqttHost {host}; MqttPort {port}; {tasmota_user}Topic NAME-OF-THE-DEVICE
Backlog TelePeriod 10; SetOption52 1; Timezone +9:00""",
    "zigbee2mqtt": """\
mqtt:
  server: mqtt{s}://{host}:{port}{yaml_user}
advanced:
  output: json
  last_seen: ISO_8601""",
    "emon": """\
[interfacers]
[[MQTT]]
    Type = EmonHubMqttInterfacer
    [[[init_settings]]]
        mqtt_host = {host}
        mqtt_port = {port}{ini_user}
    [[[runtimesettings]]]
        subchannels = ToEmonCMS,
        node_JSON_enable = 1
        node_JSON_basetopic = emon/""",
    "home-assistant": """\
mqtt:
  broker: {host}
  port: {port}
  discovery: true{yaml_user}""",
}
_PASSWORD: Final = "THE-PASSWORD"  # noqa: S105 - what a person replaces


def snippet(family: str, place: MqttPlace) -> str:
    """Settings to copy, the password left to the person; for an unknown family host, port and user."""
    user = place.username or ""
    template = _TEMPLATES.get(family, "{host}:{port}{line_user}")
    return template.format(
        host=place.told(),
        port=place.port,
        s="s" if place.tls else "",
        shelly_user=f'"user": "{user}", "pass": "{_PASSWORD}", ' if user else "",
        tasmota_user=f"MqttUser {user}; MqttPassword {_PASSWORD}; " if user else "",
        yaml_user=f"\n  username: {user}\n  password: {_PASSWORD}" if user else "",
        ini_user=f"\n        mqtt_user = {user}\n        mqtt_passwd = {_PASSWORD}" if user else "",
        line_user=f"\n{user}\n{_PASSWORD}" if user else "",
    )
