"""What is known of a home's appliances: clusters, and what its people said of them.

Clusters are never changed by what people say: names, and which clusters are one appliance, stand beside
them. So taking something back restores what was. `take` learns from a run, `learn` from a tap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from chowon.domain.nilm.events.clusters import MOST_CLUSTERS, Cluster, nearest, told_by, weight
from chowon.domain.nilm.events.following import Run
from chowon.errors import NotFound

_MOST_AWAITED: Final = 16
MOST_REFUSED: Final = 8
"""Names that a cluster is known not to have: the newest ones"""


@dataclass(frozen=True, slots=True)
class Name:
    """These runs are this appliance's."""

    cluster: int
    name: str


@dataclass(frozen=True, slots=True)
class NameRun:
    """What is on since `at_ms` is this appliance: known when it is over."""

    at_ms: int
    name: str


@dataclass(frozen=True, slots=True)
class NotThis:
    """These runs are not this appliance's, whatever was said or guessed."""

    cluster: int
    name: str


@dataclass(frozen=True, slots=True)
class NotMine:
    """Nothing that the home wants to be asked about: it stays unknown."""

    cluster: int


@dataclass(frozen=True, slots=True)
class Mine:
    """It was NotMine: ask again."""

    cluster: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Both are one appliance: a heater and a motor of one washing machine."""

    cluster: int
    other: int


@dataclass(frozen=True, slots=True)
class Split:
    """This cluster is an appliance of its own."""

    cluster: int


Tap = Name | NameRun | NotThis | NotMine | Mine | Merge | Split


@dataclass(frozen=True, slots=True)
class Known:
    """Of one home."""

    clusters: tuple[Cluster, ...] = ()
    next_id: int = 1
    appliance: Mapping[int, int] = field(default_factory=dict)
    """Cluster → the cluster that it was merged into"""
    names: Mapping[int, str] = field(default_factory=dict)
    """Appliance → name"""
    refused: tuple[tuple[int, str], ...] = ()
    """(cluster, name) that it is not; the newest last, `MOST_REFUSED` of a cluster"""
    not_mine: frozenset[int] = frozenset()
    """Clusters that nobody is to be asked about"""
    awaited: tuple[tuple[int, str], ...] = ()
    """(begin of something that is on, its name)"""

    def cluster(self, cluster_id: int) -> Cluster:
        """Errors: NotFound."""
        for one in self.clusters:
            if one.id == cluster_id:
                return one
        raise NotFound(f"appliance {cluster_id}: not known in this home; read the list again")

    def appliance_of(self, cluster_id: int) -> int:
        """The appliance that a cluster is of: the id of one of its clusters."""
        while cluster_id in self.appliance:
            cluster_id = self.appliance[cluster_id]
        return cluster_id

    def name_of(self, cluster_id: int) -> str | None:
        """None for an unknown one."""
        return self.names.get(self.appliance_of(cluster_id))


def take(known: Known, run: Run) -> tuple[Known, int | None]:
    """One more run, and the cluster that it is of; None for a run whose end nobody saw, or no room."""
    name = dict(known.awaited).get(run.at_ms)
    known = replace(known, awaited=tuple(one for one in known.awaited if one[0] != run.at_ms))
    if not told_by(run):
        return known, None
    fits = known.clusters
    if name is not None:
        fits = tuple(
            one
            for one in fits
            if known.name_of(one.id) in (None, name) and (one.id, name) not in known.refused
        )
    found = nearest(fits, run)
    if found is None:
        known = _with_room(known, run.at_ms)
        if len(known.clusters) >= MOST_CLUSTERS:
            return known, None
        found = Cluster(known.next_id)
        known = replace(known, clusters=(*known.clusters, found), next_id=known.next_id + 1)
    known = _replaced(known, found.with_run(run))
    if name is not None:
        known = _named(known, found.id, name)
    return _tidied(known, found.id)


def learn(known: Known, tap: Tap) -> Known:
    """What a person said. Errors: NotFound for a cluster that is not there."""
    if isinstance(tap, NameRun):
        others = tuple(one for one in known.awaited if one[0] != tap.at_ms)
        return replace(known, awaited=(*others, (tap.at_ms, tap.name))[-_MOST_AWAITED:])
    known.cluster(tap.cluster)
    match tap:
        case Name(cluster, name):
            learnt = _named(known, cluster, name)
        case NotThis(cluster, name):
            learnt = _refused(known, cluster, name)
        case NotMine(cluster):
            learnt = replace(known, not_mine=known.not_mine | {cluster})
        case Mine(cluster):
            whole = known.appliance_of(cluster)
            theirs = frozenset(one for one in known.not_mine if known.appliance_of(one) == whole)
            learnt = replace(known, not_mine=known.not_mine - theirs)
        case Merge(cluster, other):
            learnt = _merged(known, cluster, other)
        case _:
            learnt = _split(known, tap.cluster)
    return learnt


def _refused(known: Known, cluster: int, name: str) -> Known:
    if known.name_of(cluster) == name:
        known = _split(known, cluster)
        known = replace(known, names={k: v for k, v in known.names.items() if (k, v) != (cluster, name)})
    theirs = [*(one for one in known.refused if one[0] == cluster and one[1] != name), (cluster, name)]
    others = [one for one in known.refused if one[0] != cluster]
    return replace(known, refused=(*others, *theirs[-MOST_REFUSED:]))


def _named(known: Known, cluster: int, name: str) -> Known:
    """Another cluster of that name is the same appliance."""
    same = next((k for k, v in known.names.items() if v == name and k not in known.appliance), None)
    refused = tuple(one for one in known.refused if one != (cluster, name))
    known = replace(known, refused=refused, not_mine=known.not_mine - {cluster})
    if same is not None and same != known.appliance_of(cluster):
        return _merged(known, same, cluster)
    return replace(known, names={**known.names, known.appliance_of(cluster): name})


def _merged(known: Known, cluster: int, other: int) -> Known:
    """The other appliance's name is kept for a split, and not used until then."""
    known.cluster(other)
    into, merged = known.appliance_of(cluster), known.appliance_of(other)
    return known if into == merged else replace(known, appliance={**known.appliance, merged: into})


def _split(known: Known, cluster: int) -> Known:
    """A cluster that others were merged into leaves its name to the eldest of them."""
    appliance = {k: v for k, v in known.appliance.items() if k != cluster}
    others = sorted(k for k, v in appliance.items() if v == cluster)
    if cluster in known.appliance or not others:
        return replace(known, appliance=appliance)
    heir = others[0]
    appliance = {k: heir if v == cluster else v for k, v in appliance.items() if k != heir}
    names = dict(known.names)
    if cluster in names:
        names[heir] = names.pop(cluster)
    return replace(known, appliance=appliance, names=names)


def _replaced(known: Known, cluster: Cluster) -> Known:
    return replace(known, clusters=tuple(cluster if one.id == cluster.id else one for one in known.clusters))


def _tidied(known: Known, cluster_id: int) -> tuple[Known, int]:
    """Clusters that have grown alike become one, the elder, unless a person told them apart."""
    mine = known.cluster(cluster_id)
    for other in known.clusters:
        if other.id != cluster_id and _may_join(known, other.id, cluster_id) and mine.same_as(other):
            elder, younger = sorted((mine, other), key=lambda one: one.id)
            left = tuple(one for one in known.clusters if one.id != younger.id)
            return _replaced(replace(known, clusters=left), elder.and_(younger)), elder.id
    return known, cluster_id


def _may_join(known: Known, one: int, other: int) -> bool:
    """Neither was ever spoken of."""
    return not (_spoken_of(known) & {one, other})


def _spoken_of(known: Known) -> set[int]:
    """Clusters that a person said something of."""
    told = {*known.appliance, *known.appliance.values(), *known.names, *known.not_mine}
    return told | {cluster for cluster, _ in known.refused}


def _with_room(known: Known, now_ms: int) -> Known:
    """Without the cluster that counts least, if there are too many; what a person spoke of stays."""
    if len(known.clusters) < MOST_CLUSTERS:
        return known
    spoken_of = _spoken_of(known)
    least = min(
        (one for one in known.clusters if one.id not in spoken_of),
        key=lambda one: (weight(one, now_ms), one.id),
        default=None,
    )
    if least is None:
        return known
    return replace(known, clusters=tuple(one for one in known.clusters if one is not least))
