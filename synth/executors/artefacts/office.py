"""Workbooks (.xlsx) and documents (.docx): their content, without styles, times and the rest of the package."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import Any
from xml.etree import ElementTree

from synth.executors.artefacts.rows import Rows, Unreadable, put

MAX_PART = 32 * 2**20  # of one file in the package, unpacked
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


class _Package:
    def __init__(self, name: str, content: bytes) -> None:
        self._name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except _BROKEN as error:
            raise Unreadable(f"{name}: {error}") from None

    def xml(self, part: str) -> ElementTree.Element | None:
        """A part of the package, or None where there is none. No document type, so no entities."""
        try:
            info = self._zip.getinfo(part)
            if info.file_size > MAX_PART:
                raise Unreadable(f"{self._name}: {part} is larger than {MAX_PART} bytes")
            with self._zip.open(info) as file:
                data = file.read(MAX_PART + 1)
        except KeyError:
            return None
        except _BROKEN as error:
            raise Unreadable(f"{self._name}: {error}") from None
        if len(data) > MAX_PART or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise Unreadable(f"{self._name}: {part} is too large or declares a document type")
        try:
            return ElementTree.fromstring(data)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise Unreadable(f"{self._name}: {part}: {error}") from None


def read_workbook(name: str, content: bytes, rows: Rows) -> None:
    """Entities `Sheet` (position) and `SheetRow`, keyed `FILE!SHEET!ROW`: column letter -> value or `=formula`."""
    package = _Package(name, content)
    book, relations = package.xml("xl/workbook.xml"), package.xml("xl/_rels/workbook.xml.rels")
    if book is None or relations is None:
        raise Unreadable(f"{name}: no workbook inside")
    targets = {r.get("Id"): r.get("Target", "") for r in relations}
    shared = [_texts(s) for s in package.xml("xl/sharedStrings.xml") or []]
    for n, sheet in enumerate(book.iterfind(f"{_MAIN}sheets/{_MAIN}sheet")):
        title = sheet.get("name", "")
        put(rows, "Sheet", f"{name}!{title}", {"position": n})
        target = targets.get(sheet.get(_RELATION), "").lstrip("/")
        part = package.xml(target if target.startswith("xl/") else f"xl/{target}")
        for line in part.iterfind(f"{_MAIN}sheetData/{_MAIN}row") if part is not None else ():
            cells = {_column(c): v for c in line.iterfind(f"{_MAIN}c") if (v := _cell(c, shared)) is not None}
            if cells:
                put(rows, "SheetRow", f"{name}!{title}!{line.get('r')}", cells)


def _column(cell: ElementTree.Element) -> str:
    return re.sub(r"\d", "", cell.get("r", ""))


def _cell(cell: ElementTree.Element, shared: list[str]) -> Any:
    formula = cell.find(f"{_MAIN}f")
    if formula is not None and formula.text:
        return "=" + formula.text
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v")
    if kind == "inlineStr":
        return _texts(cell)
    if value is None or value == "":
        return None
    if kind == "s":
        try:
            return shared[int(value)]
        except (ValueError, IndexError):
            raise Unreadable(f"no shared text {value!r}") from None
    if kind == "b":
        return value == "1"
    if kind in ("str", "e", "d"):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _texts(element: ElementTree.Element) -> str:
    return "".join(t.text or "" for t in element.iter(f"{_MAIN}t"))


def read_document(name: str, content: bytes, rows: Rows) -> None:
    """Entity `Document`: `paragraphs` as [style, text], empty ones left out, and `tables` as lists of rows."""
    body = _Package(name, content).xml("word/document.xml")
    body = body.find(f"{_WORD}body") if body is not None else None
    if body is None:
        raise Unreadable(f"{name}: no document inside")
    paragraphs, tables = [], []
    for part in body:
        if part.tag == f"{_WORD}p" and (text := _words(part)).strip():
            paragraphs.append([_style(part), text])
        elif part.tag == f"{_WORD}tbl":
            tables.append([[_words(c) for c in r.iterfind(f"{_WORD}tc")] for r in part.iterfind(f"{_WORD}tr")])
    put(rows, "Document", name, {"paragraphs": paragraphs, "tables": tables})


def _style(paragraph: ElementTree.Element) -> str:
    style = paragraph.find(f"{_WORD}pPr/{_WORD}pStyle")
    return style.get(f"{_WORD}val", "") if style is not None else ""


def _words(element: ElementTree.Element) -> str:
    return "".join(t.text or "" for t in element.iter(f"{_WORD}t"))
