"""Three-way merge of one record, group by group (DESIGN.md 4, invariants 1 to 3).

``local`` and ``remote`` are normalised values with local references; each side is compared with its own
base exactly, the two sides with each other by comparison (ё = е in names). A group moves as one unit. What
the region did not send is taken as unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync_service.domain.conflicts import FieldClash
from sync_service.domain.links import Snapshot
from sync_service.domain.policies import FieldPolicy, OnClash, Owner, StreamPolicy
from sync_service.domain.records import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """What follows from one record. ``base`` is None when the snapshot stays as it is."""

    pull: Values
    push: tuple[str, ...]
    base: Snapshot | None
    clashes: tuple[FieldClash, ...]
    overwritten: tuple[str, ...]  # groups whose local edit the region's ownership replaces
    filled: tuple[str, ...]  # groups that were empty on one side and had no base

    @property
    def quiet(self) -> bool:
        return not (self.pull or self.push or self.base or self.clashes)


def merge(
    policy: StreamPolicy,
    base: Snapshot,
    local: Values,
    remote: Values,
    *,
    skip: frozenset[str] = frozenset(),
) -> Merge:
    """Merge one record; groups in ``skip`` are left alone. Pure: same arguments, same answer, no surprise."""
    pull: Values = {}
    push: list[str] = []
    agreed_local: Values = {}
    agreed_remote: Values = {}
    clashes: list[FieldClash] = []
    overwritten: list[str] = []
    filled: list[str] = []

    for name, fields in policy.groups.items():
        if name in skip:
            continue
        here = {f.field: local.get(f.field) for f in fields}
        there = {f.field: remote.get(f.field, base.remote.get(f.field)) for f in fields}
        has_base = all(f.field in base.local for f in fields)
        verdict = _judge(fields, base, here, there, has_base=has_base)
        match verdict:
            case "nothing":
                continue
            case "agreed":
                agreed_local |= here
                agreed_remote |= there
            case "pull" | "overwrite" | "fill_local":
                pull |= {field: value for field, value in there.items() if here[field] != value}
                agreed_local |= there
                agreed_remote |= there
                if verdict == "overwrite":
                    overwritten.append(name)
                elif verdict == "fill_local":
                    filled.append(name)
            case "push" | "fill_remote":
                push.append(name)
                if verdict == "fill_remote":
                    filled.append(name)
            case "insist":
                # The school's value wins over a regional change: the regional value becomes the base it is
                # pushed against, so that it counts as seen and the difference as ours.
                push.append(name)
                agreed_local |= there
                agreed_remote |= there
            case "clash":
                clashes.extend(
                    FieldClash(
                        field=f.field,
                        group=name,
                        local=here[f.field],
                        remote=there[f.field],
                        base_local=base.local.get(f.field),
                        base_remote=base.remote.get(f.field),
                        has_base=has_base,
                    )
                    for f in fields
                )
    moved = _move(base, agreed_local, agreed_remote)
    return Merge(
        pull=pull,
        push=tuple(push),
        base=moved,
        clashes=tuple(clashes),
        overwritten=tuple(overwritten),
        filled=tuple(filled),
    )


def _judge(fields: tuple[FieldPolicy, ...], base: Snapshot, here: Values, there: Values, *, has_base: bool) -> str:
    rule = fields[0]  # a group has one owner and one rule; check-config refuses a mixed one
    equal = all(f.same(here[f.field], there[f.field]) for f in fields)
    if not has_base:
        return _first_meeting(fields, here, there, equal=equal)
    local_changed = any(here[f.field] != base.local[f.field] for f in fields)
    remote_changed = any(there[f.field] != base.remote[f.field] for f in fields)
    if not local_changed and not remote_changed:
        return "nothing"
    if equal:
        # A respelling on our side alone is an edit to send, not an agreement.
        respelt = local_changed and not remote_changed and rule.owner is not Owner.GIS and here != there
        return "push" if respelt else "agreed"
    if not remote_changed:
        return "overwrite" if rule.owner is Owner.GIS else "push"
    if not local_changed:
        return "insist" if rule.owner is Owner.LOCAL else "pull"
    return _clash(rule)


def _first_meeting(fields: tuple[FieldPolicy, ...], here: Values, there: Values, *, equal: bool) -> str:
    rule = fields[0]
    if equal:
        return "agreed"
    if all(value is None for value in here.values()):
        return "nothing" if rule.owner is Owner.LOCAL else "fill_local"
    if all(value is None for value in there.values()):
        return "nothing" if rule.owner is Owner.GIS else "fill_remote"
    if rule.owner is Owner.BOTH and len(fields) > 1:
        differing = [f.field for f in fields if not f.same(here[f.field], there[f.field])]
        # The sides do not contradict each other: one of them only says more of the group.
        if all(here[name] is None for name in differing):
            return "fill_local"
        if all(there[name] is None for name in differing):
            return "fill_remote"
    return _clash(rule)


def _clash(rule: FieldPolicy) -> str:
    if rule.owner is Owner.GIS or (rule.owner is Owner.BOTH and rule.on_clash is OnClash.GIS):
        return "overwrite"
    if rule.owner is Owner.LOCAL or rule.on_clash is OnClash.LOCAL:
        return "insist"
    return "clash"


def _move(base: Snapshot, local: Values, remote: Values) -> Snapshot | None:
    if not local:
        return None
    moved_local = base.local | local
    moved_remote = base.remote | remote
    return Snapshot(moved_local, moved_local if moved_local == moved_remote else moved_remote)
