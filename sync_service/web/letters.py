"""Letters and acts on paper: A4 as PDF, with the font in the file, so that it looks the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from sync_service.engine.erasure_act import Act
from sync_service.engine.queries_letter import Letter

FONT = "Golos"
MARGIN = 25  # millimetres; the left one leaves room for the binder


def pdf_of(letter: Letter) -> bytes:
    """The letter as a PDF of one page. Its properties name nobody."""
    page = _page()
    page.set_title(letter.subject)
    width = page.epw
    page.multi_cell(width, 6, letter.school, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(4)
    page.multi_cell(width, 6, f"Исх. № ______________ от {letter.written_on}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(6)
    page.set_x(page.l_margin + width / 2)
    page.multi_cell(width / 2, 6, f"Руководителю\n{letter.addressee}", align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(12)
    page.set_font(FONT, "B", 12)
    page.multi_cell(width, 6, letter.subject, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.set_font(FONT, "", 12)
    page.ln(4)
    for paragraph in letter.paragraphs:
        page.multi_cell(width, 7, paragraph, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        page.ln(2)
    page.ln(16)
    page.multi_cell(
        width, 6, "Директор   ____________________   / ____________________ /", new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )
    page.ln(8)
    page.multi_cell(width, 6, "М. П.", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    return bytes(page.output())


def pdf_of_act(act: Act) -> bytes:
    """The act, and on a page of its own the extract of the journal. Its properties name nobody."""
    page = _page()
    page.set_title(f"Акт № {act.number}")
    _lines(page, act.title, act.lines)
    page.ln(8)
    page.multi_cell(page.epw, 6, act.signature, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(8)
    page.set_font(FONT, "", 9)
    page.multi_cell(page.epw, 5, act.basis, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.add_page()
    _lines(page, act.extract_title, act.extract)
    return bytes(page.output())


def _lines(page: FPDF, title: str, lines: Sequence[tuple[str, str]]) -> None:
    page.set_font(FONT, "B", 13)
    page.multi_cell(page.epw, 7, title, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(4)
    for name, text in lines:
        page.set_font(FONT, "B", 10)
        page.multi_cell(page.epw, 5, name, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        page.set_font(FONT, "", 10)
        page.multi_cell(page.epw, 5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        page.ln(2)


def _page() -> FPDF:
    page = FPDF(format="A4")
    page.set_lang("ru")
    page.set_producer("ecp-sync")
    page.set_margins(MARGIN, 20, 15)
    with as_file(files("sync_service.web") / "fonts") as folder:
        page.add_font(FONT, "", folder / "golos-text-regular.ttf")
        page.add_font(FONT, "B", folder / "golos-text-bold.ttf")
    page.add_page()
    page.set_font(FONT, "", 12)
    return page
