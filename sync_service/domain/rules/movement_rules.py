"""What a movement must have before it may leave for the region.

Source: regulation 3.5: movement follows the director's orders; a departure names where the pupil goes.
"""

from __future__ import annotations

KINDS = ("arrival", "departure", "class_change", "promotion", "repeat", "graduation")


def missing_before_leaving(
    *,
    kind: str,
    date: str | None,
    order_number: str | None,
    order_date: str | None,
    destination_organization_id: str | None = None,
    destination_name: str | None = None,
) -> tuple[str, ...]:
    """Canonical names of the fields to fill in, in the order of a form; empty when the movement may leave.

    A departure needs its destination, as a school of the directory or as a name; without both,
    `destination_name` is what a person can fill in. ValueError for a kind that does not exist.
    """
    if kind not in KINDS:
        raise ValueError("unknown kind of movement; correct the code table of movement kinds")
    needed = {"date": date, "order_number": order_number, "order_date": order_date}
    if kind == "departure":
        needed["destination_name"] = destination_organization_id or destination_name
    return tuple(name for name, value in needed.items() if not (value or "").strip())
