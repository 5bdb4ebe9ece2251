"""Every input that fuzzing ever found: it gives readings or a reason now, in time."""

from pathlib import Path

import pytest

from tests.fuzz.targets import every_target
from tests.fuzz.watch import Watch

FOUND = Path(__file__).parent / "found"
INPUTS = sorted(FOUND.glob("*/*.input"))


@pytest.mark.parametrize("path", INPUTS, ids=[f"{path.parent.name}/{path.stem}" for path in INPUTS])
def test_what_was_found_once_is_well_now(path: Path) -> None:
    finding = Watch(every_target()[path.parent.name]).finding_of(path.read_bytes())
    assert finding is None, finding.told
