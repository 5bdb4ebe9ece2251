#!/bin/sh
# What the tests need from the system: a browser, Korean glyphs, Mosquitto, PostgreSQL, Prometheus. `make demo` needs none of it.
# Installs with apt-get when root; otherwise says exactly what is missing.
set -eu
missing=""
need() { # need COMMAND-OR-FILE PACKAGE
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"
}
PATH="$PATH:/usr/sbin:/sbin"
need chromium chromium
need mosquitto mosquitto
need mosquitto_pub mosquitto-clients
need prometheus prometheus
need /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc fonts-noto-cjk
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing system packages:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    # The packages start servers of their own; the tests start theirs.
    service mosquitto stop >/dev/null 2>&1 || true
    service postgresql stop >/dev/null 2>&1 || true
    service prometheus stop >/dev/null 2>&1 || true
    exit 0
fi
echo "The tests need these system packages:$missing" >&2
echo "Install them, for example: sudo apt-get install$missing" >&2
exit 1
