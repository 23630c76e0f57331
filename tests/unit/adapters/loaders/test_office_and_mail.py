"""Slides, workbooks, plain text and e-mails keep headings, lists, tables, links and page numbers."""

import io
from datetime import date
from email.message import EmailMessage

import docx
import openpyxl
import pptx
from docx.oxml import OxmlElement
from fpdf import FPDF
from openpyxl.styles import Font
from pptx.util import Inches

from copilot.adapters.loaders import loader_for
from copilot.adapters.loaders.reading import read_file
from copilot.domain.knowledge import Audience


def load(suffix, content, **metadata):
    content = content.encode() if isinstance(content, str) else content
    return loader_for(suffix).load(content, external_id="file", source=f"file{suffix}", metadata=metadata)


def blocks(document):
    return [(b.kind.value, b.page, document.text[b.start : b.end]) for b in document.blocks]


def saved(file):
    into = io.BytesIO()
    file.save(into)
    return into.getvalue()


def deck():
    made = pptx.Presentation()
    title, bullets, hidden = (made.slides.add_slide(made.slide_layouts[n]) for n in (5, 1, 5))
    title.shapes.title.text = "Returns"
    table = title.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1)).table
    for cell, text in zip(
        (c for row in table.rows for c in row.cells), ("Tier", "Days", "Gold", "60"), strict=True
    ):
        cell.text = text
    bullets.shapes.title.text = "3.2 Window"
    frame = bullets.placeholders[1].text_frame
    frame.text = "Thirty days"
    inner = frame.add_paragraph()
    inner.level = 1
    run = inner.add_run()
    run.text = "see the page"
    run.hyperlink.address = "https://larkfield.example/returns"
    bullets.notes_slide.notes_text_frame.text = "Do not promise more."
    hidden.shapes.title.text = "Draft"
    hidden.element.set("show", "0")
    return saved(made)


def test_slides_become_sections_with_their_number_as_page():
    (document,) = load(".pptx", deck())
    assert document.title == "Returns"
    assert blocks(document) == [
        ("heading", 1, "Returns"),
        ("table", 1, "| Tier | Days |\n| Gold | 60 |"),
        ("heading", 2, "3.2 Window"),
        ("list", 2, "- Thirty days\n  - see the page (https://larkfield.example/returns)"),
    ]
    assert document.blocks[3].clause == "3.2"


def test_speaker_notes_are_read_only_where_the_deck_is_internal():
    (document,) = load(".pptx", deck(), audience="internal")
    assert "Do not promise more." in document.text
    assert "Do not promise more." not in load(".pptx", deck())[0].text


def test_a_sheet_of_questions_is_a_faq_and_other_sheets_are_tables():
    book = openpyxl.Workbook()
    faq, fees, secret = book.active, book.create_sheet("Fees"), book.create_sheet("Secret")
    faq.title = "FAQ"
    for row in [("Question", "Answer", "Audience"), ("How?", "So.", None), ("Why?", "Because.", "internal")]:
        faq.append(row)
    for row in [
        ("Shipping fees 2026",),
        ("Zone", "Fee", "Since", "Share"),
        ("US", 6.95, date(2026, 1, 1), 0.5),
    ]:
        fees.append(row)
    fees["B3"].number_format = '"$"#,##0.00'
    fees["D3"].number_format = "0%"
    fees["A3"].hyperlink = "https://larkfield.example/us"
    secret.append(("x", "y"))
    secret.sheet_state = "hidden"
    public, internal, tables = load(".xlsx", saved(book))
    assert (public.external_id, internal.external_id) == ("file-faq", "file-faq-internal")
    assert (internal.audience, internal.text) == (Audience.INTERNAL, "Why?\n\nBecause.")
    assert public.blocks[1].heading_path == ("How?",)
    assert blocks(tables) == [
        ("heading", 2, "Fees"),
        ("paragraph", 2, "Shipping fees 2026"),
        (
            "table",
            2,
            (
                "| Zone | Fee | Since | Share |\n"
                "| US (https://larkfield.example/us) | $6.95 | 2026-01-01 | 50% |"
            ),
        ),
    ]


def test_a_merged_cell_stands_in_every_row_it_spans_and_gaps_divide_tables():
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [("Zone", "Fee"), ("US", 1), (None, 2), (None, None), ("Size", "Weight"), ("S", 3)]:
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    sheet["A1"].font = Font(bold=True)
    (document,) = load(".xlsx", saved(book))
    assert [text for kind, _, text in blocks(document) if kind == "table"] == [
        "| Zone | Fee |\n| US | 1 |\n| US | 2 |",
        "| Size | Weight |\n| S | 3 |",
    ]


def test_a_table_too_wide_for_a_passage_names_each_value():
    rows = [("Product", "Care"), ("Cedar bench", "Oil it. " * 120)]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    (document,) = load(".xlsx", saved(book))
    kind, _, text = blocks(document)[1]
    assert kind == "list"
    assert text.startswith("- Product: Cedar bench\n- Cedar bench – Care: Oil it.")


def test_plain_text_is_read_by_the_way_it_is_set():
    text = """RETURNS POLICY

3.2 Window

You have 30 days
from delivery. You need:
* the receipt
* the box,
  unopened

Fees
====

Tier | Fee
-----|----
Gold | none

    copilot serve
"""
    (document,) = load(".txt", text)
    assert [(kind, t) for kind, _, t in blocks(document)] == [
        ("heading", "RETURNS POLICY"),
        ("heading", "3.2 Window"),
        ("paragraph", "You have 30 days from delivery. You need:"),
        ("list", "- the receipt\n- the box, unopened"),
        ("heading", "Fees"),
        ("table", "| Tier | Fee |\n| Gold | none |"),
        ("code", "    copilot serve"),
    ]
    assert document.blocks[2].clause == "3.2"


def mail(**more):
    message = EmailMessage()
    message["From"] = "Warehouse <warehouse@larkfield.example>"
    message["Subject"] = "Freight cut-off"
    message["Date"] = "Mon, 02 Nov 2026 09:00:00 +0000"
    message.set_content("Plain words.")
    message.add_alternative("<h2>Times</h2><ul><li>By <b>noon</b></li></ul>", subtype="html")
    message.add_attachment(b"# Zones\n\nUS only.", maintype="text", subtype="markdown", filename="zones.md")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="logo.png")
    return message


def test_an_email_keeps_its_structure_and_its_attachments_are_documents_too():
    body, attached = read_file("note.eml", mail().as_bytes(), source="kb/note.eml")
    (letter,), (zones,) = body.documents, attached.documents
    assert (letter.title, letter.kind, letter.audience) == ("Freight cut-off", "email", Audience.INTERNAL)
    assert [t for _, _, t in blocks(letter)] == [
        "Freight cut-off",
        "Times",
        "- By noon",
        "From: Warehouse <warehouse@larkfield.example>; Date: Mon, 02 Nov 2026 09:00:00 +0000",
    ]
    assert (zones.external_id, zones.source) == ("note-zones", "kb/note.eml!/zones.md")
    assert zones.audience is Audience.INTERNAL


def test_an_email_can_be_made_public_with_all_that_hangs_on_it():
    files = list(read_file("n.eml", mail().as_bytes(), source="n.eml", metadata={"audience": "public"}))
    assert {d.audience for f in files for d in f.documents} == {Audience.PUBLIC}


def test_word_keeps_links_code_and_the_pages_that_word_made():
    document = docx.Document()
    document.add_heading("Setup", 1)
    linked = document.add_paragraph("See ")
    link = OxmlElement("w:hyperlink")
    relation = document.part.relate_to(
        "https://larkfield.example/x",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
        is_external=True,
    )
    link.set("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id", relation)
    link.append(linked.add_run("the page")._r)
    linked._p.append(link)
    for line in ("pip install copilot", "copilot serve"):
        document.add_paragraph().add_run(line).font.name = "Courier New"
    second = document.add_paragraph()
    second.add_run()._r.append(OxmlElement("w:lastRenderedPageBreak"))
    second.add_run("On the next page.")
    (parsed,) = load(".docx", saved(document))
    assert blocks(parsed) == [
        ("heading", 1, "Setup"),
        ("paragraph", 1, "See the page (https://larkfield.example/x)"),
        ("code", 1, "pip install copilot\ncopilot serve"),
        ("paragraph", 2, "On the next page."),
    ]


def test_pdf_keeps_the_addresses_of_links():
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=11)
    pdf.multi_cell(0, 6, "First line without one.", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    pdf.cell(0, 6, "Read the terms.", link="https://larkfield.example/terms", new_x="LMARGIN", new_y="NEXT")
    (parsed,) = load(".pdf", bytes(pdf.output()))
    assert [t for _, _, t in blocks(parsed)] == [
        "First line without one.",
        "Read the terms. (https://larkfield.example/terms)",
    ]


def test_relative_links_become_absolute_where_the_page_says_from_where():
    (page,) = load(
        ".html", '<base href="https://a.example/hc/"><body><p>See <a href="../x">it</a>.</p></body>'
    )
    assert page.text == "See it (https://a.example/x)."


def test_code_and_tables_inside_lists_keep_their_lines():
    table = "<table><tr><th>A</th></tr><tr><td>1</td></tr></table>"
    (page,) = load(".html", f"<body><ul><li>Run<pre>one\ntwo</pre></li><li>Fees{table}</li></ul></body>")
    assert page.text == "- Run\n  one\n  two\n- Fees\n  | A |\n  | 1 |"
    (markdown,) = load(".md", "- Run\n\n  ```\n  one\n  two\n  ```\n\n- Fees\n\n  | A |\n  |---|\n  | 1 |\n")
    assert markdown.text == page.text
