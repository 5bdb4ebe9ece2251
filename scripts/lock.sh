#!/bin/sh
# Resolve the dependencies of pyproject.toml into requirements/*.lock, with hashes. Usage: lock.sh [UV]
set -eu
uv=${1:-uv}
quiet="--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header"
# shellcheck disable=SC2086
"$uv" pip compile $quiet pyproject.toml -o requirements/run.lock
# shellcheck disable=SC2086
"$uv" pip compile $quiet pyproject.toml --group test --group lint -c requirements/run.lock -o requirements/dev.lock
