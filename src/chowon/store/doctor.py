"""What is wrong with a data folder, without changing anything."""

from dataclasses import dataclass

import numpy as np

from chowon.errors import Damaged
from chowon.store.opening import Reader, Store


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    what: str
    """What and where, e.g. "journal batch 12 (200 readings received at 1795400000000): checksum …"."""
    advice: str


def examine(store: Store | Reader, *, deep: bool = False) -> list[Finding]:
    """All findings; none if all is well. deep: also read every byte of the lake. Errors: StoreUnavailable."""
    return [*_journal(store), *_lake(store, deep)]


def _journal(store: Store | Reader) -> list[Finding]:
    findings = [
        Finding(
            f"journal batch {found.sequence} ({found.rows} readings received at {found.received_ms}): "
            f"{found.reason}",
            "restore the journal from a backup, or set the batch aside so that reading and sealing go on",
        )
        for found in store.journal.unreadable()
    ]
    findings += [
        Finding(
            f"journal batch {found.sequence} ({found.rows} readings received at {found.received_ms}) "
            "was set aside",
            "its bytes are kept in the journal's table quarantine; have the meter's data sent again",
        )
        for found in store.journal.quarantined()
    ]
    return findings


def _lake(store: Store | Reader, deep: bool) -> list[Finding]:
    snapshot = store.files.snapshot()
    findings = []
    for file in snapshot.files:
        problem = None
        if not store.lake.exists(file):
            problem = f"{store.lake.folder / file.path}: missing, or not {file.bytes} bytes long"
        elif deep:
            try:
                store.lake.read(file, None, 0, np.iinfo(np.int64).max)
            except Damaged as error:
                problem = str(error)
        if problem is not None:
            lost = f"{file.rows} {'readings' if file.kind == 'raw' else 'rollup rows'} of {file.span}"
            findings.append(Finding(f"{problem} ({lost})", "restore this file from a backup"))
    _, foreign = store.lake.unlisted(snapshot.files)
    findings += [
        Finding(
            f"{path}: not in the catalog, and of another journal",
            "restore the journal and catalog that it belongs to, or delete it",
        )
        for path in foreign
    ]
    return findings
