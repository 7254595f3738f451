"""The Russian words for what the tables hold: streams, fields, codes and values, as people read them.

Read views put these words beside the plain values, so that the command line and the page say the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sync_service.domain.actions import DELETION_FIELD
from sync_service.domain.conflicts import ConflictKind, ConflictState
from sync_service.domain.guards import Operation, Way
from sync_service.domain.holds import HoldState, ItemState
from sync_service.domain.matches import MatchState
from sync_service.domain.records import Scalar
from sync_service.domain.releases import ReleaseCase, ReleaseState, StepKind
from sync_service.domain.reports import RunStatus, WaitingFor
from sync_service.domain.rules import phones, school_year, snils
from sync_service.domain.streams import Stream
from sync_service.domain.suggesting import Reason

NOTHING = "—"

STREAMS: dict[str, str] = {
    Stream.ORGANIZATIONS: "Организации",
    Stream.PERIODS: "Учебные периоды",
    Stream.CLASSES: "Классы",
    Stream.SUBJECTS: "Предметы",
    Stream.LESSONS: "Уроки",
    Stream.STUDENTS: "Ученики",
    Stream.GUARDIANS: "Родители",
    Stream.GUARDIANSHIPS: "Связи с родителями",
    Stream.MOVEMENTS: "Движение",
    Stream.MARKS: "Отметки",
    Stream.FINAL_MARKS: "Итоговые отметки",
    Stream.ATTENDANCE: "Пропуски",
}

FIELDS: dict[str, str] = {
    DELETION_FIELD: "Запись целиком",
    "name": "Название",
    "short_name": "Краткое название",
    "phone": "Телефон",
    "email": "Электронная почта",
    "district": "Район",
    "keeps_movement": "Ведёт «Движение»",
    "school_year": "Учебный год",
    "kind": "Вид",
    "starts_on": "Начало",
    "ends_on": "Окончание",
    "grade": "Параллель",
    "late_entry_until": "Журнал открыт до",
    "class_id": "Класс",
    "subject_id": "Предмет",
    "date": "Дата",
    "number": "Номер урока",
    "last_name": "Фамилия",
    "first_name": "Имя",
    "patronymic": "Отчество",
    "sex": "Пол",
    "birth_date": "Дата рождения",
    "snils": "СНИЛС",
    "document_series": "Серия свидетельства о рождении",
    "document_number": "Номер свидетельства о рождении",
    "personal_file_no": "Номер личного дела",
    "admitted_on": "Дата приёма",
    "address": "Адрес",
    "person_id": "Номер человека в ГИС",
    "home_phone": "Домашний телефон",
    "student_id": "Ученик",
    "guardian_id": "Родитель",
    "relation": "Кем приходится",
    "relation_note": "Уточнение родства",
    "order_number": "Номер приказа",
    "order_date": "Дата приказа",
    "class_from_id": "Из класса",
    "class_to_id": "В класс",
    "origin_kind": "Откуда прибыл",
    "origin_organization_id": "Из школы",
    "origin_name": "Из школы (название)",
    "destination_organization_id": "В школу",
    "destination_name": "В школу (название)",
    "lesson_id": "Урок",
    "value": "Отметка",
    "weight": "Вес",
    "position": "Место в клетке",
    "comment": "Примечание",
    "period_id": "Период",
    "symbol": "Отметка о пропуске",
    "reason": "Причина",
}

_CODES: dict[str, dict[Stream | None, dict[str, str]]] = {
    "kind": {
        Stream.MOVEMENTS: {
            "arrival": "зачисление",
            "departure": "выбытие",
            "class_change": "перевод в другой класс",
            "promotion": "перевод в следующий класс",
            "repeat": "оставлен на повторное обучение",
            "graduation": "окончание обучения",
        },
        Stream.FINAL_MARKS: {"period": "за период", "year": "годовая", "exam": "экзамен", "final": "итоговая"},
        Stream.PERIODS: {
            "quarter": "четверть",
            "trimester": "триместр",
            "half_year": "полугодие",
            "year": "учебный год",
            "holiday": "каникулы",
            "report": "период отчёта",
        },
    },
    "origin_kind": {
        None: {
            "school": "школа, которая ведёт «Движение»",
            "other_district": "район без учёта движения",
            "none": "ранее не обучался",
        }
    },
    DELETION_FIELD: {None: {"deleted": "удалена", "kept": "есть"}},
}

KINDS: dict[str, str] = {
    ConflictKind.EDIT: "изменили и в школе, и в ГИС",
    ConflictKind.FIRST_MEETING: "при первой сверке сведения различаются",
    ConflictKind.DELETED_IN_SCHOOL: "в школе удалили, а в ГИС изменили",
    ConflictKind.DELETED_IN_REGION: "в ГИС удалили, а в школе изменили",
}

CONFLICT_STATES: dict[str, str] = {
    ConflictState.OPEN: "открыто",
    ConflictState.RESOLVED: "решено",
    ConflictState.CONVERGED: "сошлось само",
    ConflictState.UNDOING: "отменяется",
}

MATCH_STATES: dict[str, str] = {
    MatchState.OPEN: "открыто",
    MatchState.CONFIRMED: "тот же",
    MatchState.REJECTED: "другой",
    MatchState.CLOSED: "закрыто",
}

RELATIVES = {"class": "Класс", "parents": "Родители", "children": "Дети"}  # of a possible double
SUGGESTIONS: dict[str, str] = {
    Reason.SCHOOL_OWNS: "это поле ведёт школа",
    Reason.REGION_OWNS: "это поле ведёт ГИС",
    Reason.SCHOOL_AS_AGREED: "в школе стоит прежнее, согласованное значение; новое записали только в ГИС",
    Reason.REGION_AS_AGREED: "в ГИС стоит прежнее, согласованное значение; новое записали только в школе",
    Reason.WRONG_SNILS: "у другого номера не сходятся контрольные цифры",
    Reason.SPELLING: "отличается только написание, а школа пишет по документам из личного дела",
    Reason.SHOUTING: "отличается только написание: в школе оно набрано прописными буквами",
}

WHO: dict[str, str] = {Stream.STUDENTS: "ребёнок", Stream.GUARDIANS: "родитель"}
SAME: dict[str, str] = {Stream.STUDENTS: "«тот же ребёнок»", Stream.GUARDIANS: "«тот же родитель»"}
OTHER: dict[str, str] = {Stream.STUDENTS: "«другой ребёнок»", Stream.GUARDIANS: "«другой родитель»"}

OPERATIONS: dict[str, str] = {
    Operation.CREATE: "новые записи",
    Operation.UPDATE: "изменение",
    Operation.DELETE: "удаление",
}

WAYS: dict[str, str] = {
    Way.PULL: "в базе школы",
    Way.PUSH: "в ГИС",
}

HOLD_STATES: dict[str, str] = {
    HoldState.OPEN: "ждёт решения",
    HoldState.SECONDING: "ждёт второго человека",
    HoldState.RELEASED: "разрешено",
    HoldState.APPLIED: "выполнено",
    HoldState.DISCARDED: "отменено",
    HoldState.EXPIRED: "разрешение истекло",
    HoldState.SUPERSEDED: "заменено или отпало",
}

ITEM_STATES: dict[str, str] = {
    ItemState.HELD: "задержана",
    ItemState.RELEASED: "разрешена",
    ItemState.APPLIED: "выполнена",
    ItemState.DROPPED: "изменилась, решение на неё не действует",
    ItemState.DISCARDED: "отменена",
}

RUN_STATUS: dict[str, str] = {
    RunStatus.RUNNING: "идёт",
    RunStatus.SUCCEEDED: "успешно",
    RunStatus.COMPLETED_WITH_ERRORS: "завершено с ошибками",
    RunStatus.HELD: "часть изменений задержана",
    RunStatus.LOGIN_NEEDED: "нужен вход",
    RunStatus.INTERRUPTED: "прервано",
    RunStatus.FAILED: "не удалось",
}

WAITING: dict[str, str] = {
    WaitingFor.PARENT: "ждут связанную запись",
    WaitingFor.PERMIT: "ждут разрешения",
    WaitingFor.RELEASE: "ждут прежнюю школу",
    WaitingFor.LOGIN: "ждут входа",
    WaitingFor.BLACKOUT: "ждут конца запретного времени",
    WaitingFor.DECISION: "ждут решения",
}

RELEASE_STATES: dict[ReleaseState, str] = {
    ReleaseState.CLAIMED: "Неясно, откуда прибыл",
    ReleaseState.NOT_RELEASED: "Не отчислен прежней школой",
    ReleaseState.RELEASED: "Можно зачислять",
    ReleaseState.ENROLLED: "Зачислен",
    ReleaseState.WITHDRAWN: "Закрыт",
    ReleaseState.LEFT: "Выбыл, в списке доступных ещё не виден",
    ReleaseState.VISIBLE: "Выбыл, виден в списке доступных",
}

RELEASE_CASES: dict[ReleaseCase, str] = {
    ReleaseCase.AVAILABLE: "есть в списке доступных для зачисления",
    ReleaseCase.NOT_RELEASED: "прибыл из школы, которая ведёт «Движение»",
    ReleaseCase.OTHER_DISTRICT: "прибыл из района без учёта движения",
    ReleaseCase.DEPARTURE: "выбыл от нас",
    ReleaseCase.FIRST_TIME: "ранее не обучался",
    ReleaseCase.UNKNOWN_ORIGIN: "неизвестно, откуда прибыл",
}

STEPS: dict[StepKind, str] = {
    StepKind.OPENED: "Открыт",
    StepKind.CALL: "Звонок",
    StepKind.PROMISE: "Обещали",
    StepKind.DIRECTOR: "Директору",
    StepKind.STATE: "Состояние",
    StepKind.NOTE: "Заметка",
}

_LIKENESS = {
    "equal": "совпадает",
    "differs": "отличается",
    "missing": "указано не везде",
}
_KEYS = {
    "snils": "СНИЛС",
    "birth_date": "дата рождения",
    "sex": "пол",
    "document": "свидетельство о рождении",
    "last_name": "фамилия",
    "first_name": "имя",
    "patronymic": "отчество",
    "name": "имя и фамилия",
    "phone": "телефон",
}
_OTHER_REASONS = {
    "card_incomplete": "карточка заведена по отчёту и не заполнена",
    "natural_key": "совпадают основные сведения",
    "unlinked": "связь с этой записью разорвана",
}


_REMEDIES = {
    ("pull", "unmapped_code"): "Дополните таблицу кодов (mappings/codes): записи будут прочитаны снова сами.",
    ("pull", "no_id"): "Сообщите в поддержку ГИС: запись пришла без идентификатора.",
    ("pull", "not_an_object"): "Сообщите в поддержку ГИС: вместо записи пришло что-то другое.",
    ("push", "which_lesson"): "Укажите урок в исходном журнале и импортируйте отчёт снова.",
    ("push", "unknown_reference"): "ГИС не знает запись, на которую ссылается эта: проверьте её в ГИС.",
    ("push", "pupil_deleted"): "Верните карточку ученика и внесите выбытие в «Движение».",
    ("push", "undo_refused"): "Решение осталось в силе. Если запись нужна, внесите её заново.",
}
_REMEDY = {
    "pull": "Сверьте таблицу соответствия (mappings) с ГИС или исправьте записи в ГИС: они прочтутся снова сами.",
    "push": "Исправьте записи в базе школы: они будут отправлены снова сами.",
}


def remedy(direction: str, code: str) -> str:
    """What to do about records in quarantine with this reason."""
    return _REMEDIES.get((direction, code)) or _REMEDY[direction]


def reason(code: str) -> str:
    """What speaks for or against a pair, in words: ``snils_equal`` → «СНИЛС: совпадает»."""
    key, _, likeness = code.rpartition("_")
    if key in _KEYS and likeness in _LIKENESS:
        return f"{_KEYS[key]}: {_LIKENESS[likeness]}"
    return _OTHER_REASONS.get(code, code)


def plural(number: int, one: str, few: str, many: str) -> str:
    """The Russian form that goes with ``number``: 1 день, 2 дня, 5 дней."""
    tail, two = abs(number) % 10, abs(number) % 100
    if tail == 1 and two != 11:
        return one
    if 2 <= tail <= 4 and not 12 <= two <= 14:
        return few
    return many


def day(text: Scalar) -> str:
    """«03.02.2015» of an ISO date."""
    try:
        return f"{date.fromisoformat(str(text)):%d.%m.%Y}"
    except ValueError:
        return str(text)


def value_day(text: str | None) -> str:
    """``day``, or a dash for none."""
    return NOTHING if text is None else day(text)


def phone(number: str | None) -> str:
    """«8 (343) 123-45-67»; a number of another shape as it stands, a dash for none."""
    if not number:
        return NOTHING
    try:
        return phones.formatted(number)
    except ValueError:
        return number


def moment_of(at: str | None, zone: str) -> str:
    """«03.02.2026 16:40» in the school's zone of an ISO moment."""
    return NOTHING if at is None else f"{datetime.fromisoformat(at).astimezone(ZoneInfo(zone)):%d.%m.%Y %H:%M}"


def value(stream: Stream, field: str, stored: Scalar) -> str:
    """A value as people write it; references are named elsewhere. A damaged value is shown as it stands."""
    if stored is None or stored == "":
        return NOTHING
    if isinstance(stored, bool):
        return "да" if stored else "нет"
    if field in _CODES:
        by_stream = _CODES[field]
        return by_stream.get(stream, by_stream.get(None, {})).get(str(stored), str(stored))
    if field in _DAYS:
        return day(stored)
    try:
        match field:
            case "snils":
                return snils.formatted(str(stored))
            case "phone" | "home_phone":
                return phone(str(stored))
            case "school_year":
                return school_year.label(int(stored))
    except ValueError:
        pass
    return str(stored)


def titles(fields: Iterable[str]) -> str:
    """«Телефон, Адрес»."""
    return ", ".join(FIELDS.get(field, field) for field in fields)


def first_capital(text: str) -> str:
    """A sentence as it stands alone: its first letter a capital, the others as they are."""
    return text[:1].upper() + text[1:]


def is_day(field: str) -> bool:
    """Whether a field holds a calendar day."""
    return field in _DAYS


_DAYS = frozenset(
    {"starts_on", "ends_on", "late_entry_until", "date", "birth_date", "admitted_on", "order_date", "lesson_date"}
)


def span(seconds: float) -> str:
    """A length of time in one unit: «40 с», «15 мин», «3 ч», «2 дн.»."""
    for size, unit in ((86_400, "дн."), (3600, "ч"), (60, "мин")):
        if seconds >= size and (seconds % size == 0 or seconds >= 2 * size):
            return f"{round(seconds / size)}\u00a0{unit}"
    return f"{round(seconds)}\u00a0с"
