"""Numbers that grow with every change of a book: who keeps what follows from it sees that it is old."""

from sqlalchemy import Connection, insert, select, update

from chowon.store.catalog.tables import revisions


def revision_of(connection: Connection, name: str) -> int:
    """0 before the first change."""
    found = connection.execute(select(revisions.c.revision).where(revisions.c.name == name)).scalar()
    return 0 if found is None else int(found)


def grow(connection: Connection, name: str) -> None:
    """Say that the book has changed, in the transaction that changes it."""
    changed = connection.execute(
        update(revisions).where(revisions.c.name == name).values(revision=revisions.c.revision + 1)
    )
    if changed.rowcount != 1:
        connection.execute(insert(revisions).values(name=name, revision=1))
