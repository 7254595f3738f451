"""The act on an erasure and the extract of the journal, as order № 179 of Roskomnadzor of 28.10.2022 asks for them.

Both are made from the only copy of the names there is, handed out at once, and written down nowhere: the school
signs them and keeps them for three years (paragraph 8 of the order).
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sync_service.engine import erasure_words as words
from sync_service.engine.erase_subject import Erased

BLANK = "________________________________"
SYSTEM = "база данных школы программы ecp-sync (обмен с ГИС СО «ЕЦП»)"
WAY = "удаление записей из базы данных и перезапись освободившегося места"
TO_BE_ENDED = "; перезапись не завершена. Закончить: ecp-sync subjects scrub, и дописать в акт дату"
BASIS = "Составлен по требованиям приказа Роскомнадзора от 28.10.2022 № 179. Хранится три года."


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Lines are (what is asked for, what it was). ``number`` is that of the book of erasures, ``rows`` how many went;
    ``scrubbed``: the freed space is overwritten."""

    number: int
    rows: int
    scrubbed: bool
    title: str
    lines: tuple[tuple[str, str], ...]
    signature: str
    basis: str
    extract_title: str
    extract: tuple[tuple[str, str], ...]


def act_on(made: Erased, *, by: str) -> Act:
    """``by`` is who destroyed, as people call them; the extract says under which login."""
    at = made.erasure.made_at.astimezone(ZoneInfo(made.zone))
    when = f"{at:%d.%m.%Y %H:%M} ({made.zone})"
    view = made.view
    subject = f"{view.name}, дата рождения {view.born}"
    if view.parents:
        subject += f"; родители, чьих других детей в школе нет: {', '.join(view.parents)}"
    categories = "; ".join(f"{one.text} — {one.count}" for one in view.categories)
    reason = f"{words.REASONS[made.erasure.reason]} ({words.ARTICLE[made.erasure.reason]})"
    way = WAY if made.erasure.scrubbed_at is not None else WAY + TO_BE_ENDED
    return Act(
        number=made.erasure.erasure_id,
        rows=made.erasure.rows,
        scrubbed=made.erasure.scrubbed_at is not None,
        title=f"Акт № {made.erasure.erasure_id} об уничтожении персональных данных",
        lines=(
            ("Оператор", made.school),
            ("Адрес оператора", BLANK),
            ("Обработка по поручению оператора", f"{BLANK} (если поручалась: кому, адрес)"),
            ("Субъект персональных данных", subject),
            ("Категории уничтоженных данных и число записей", categories),
            ("Информационная система", SYSTEM),
            ("Способ уничтожения", way),
            ("Причина уничтожения", reason),
            ("Дата и время уничтожения", when),
            ("Уничтожил", f"{by}, должность {BLANK}"),
            (
                "Копии вне системы",
                f"резервные копии, выгрузки и бумажные документы, снятые раньше, этим актом не уничтожены: {BLANK}",
            ),
        ),
        signature=f"Подпись ____________________ / {by} /",
        basis=BASIS,
        extract_title="Выгрузка из журнала регистрации событий",
        extract=(
            ("Запись журнала", f"№ {made.entry.seq}, {when}"),
            ("Событие", "уничтожение персональных данных"),
            ("Кто", made.entry.actor),
            ("Субъект персональных данных", subject),
            ("Категории уничтоженных данных", "; ".join(one.text for one in view.categories)),
            ("Информационная система", SYSTEM),
            ("Причина уничтожения", reason),
            ("Дата уничтожения", f"{at:%d.%m.%Y}"),
            ("Основание записи", f"{made.entry.cause}; {made.entry.note}"),
        ),
    )
