"""What a new card must hold before it may leave, and what the class teacher must still complete.

Source: regulation 3.5, case C: ФИО, год рождения, № личного дела, место жительства, телефоны, фамилии
родителей. The region takes a whole birth date, so the year alone is not enough there.
"""

from __future__ import annotations

from collections.abc import Iterable


def missing_for_new_card(
    *,
    last_name: str | None,
    first_name: str | None,
    birth_date: str | None,
    personal_file_no: str | None,
    address: str | None,
    phones: Iterable[str | None],
    guardian_last_names: Iterable[str | None],
) -> tuple[str, ...]:
    """Canonical names of the missing fields, in the order of a card; empty when the card is minimal.

    `phones` are those of the pupil and of the guardians: one is enough. A patronymic is never missing,
    because not everybody has one. Missing parents are reported as `guardians`.
    """
    needed = {
        "last_name": _filled(last_name),
        "first_name": _filled(first_name),
        "birth_date": _filled(birth_date),
        "personal_file_no": _filled(personal_file_no),
        "address": _filled(address),
        "phone": any(_filled(phone) for phone in phones),
        "guardians": any(_filled(name) for name in guardian_last_names),
    }
    return tuple(name for name, given in needed.items() if not given)


def _filled(value: str | None) -> bool:
    return bool((value or "").strip())
