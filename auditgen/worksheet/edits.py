"""What was edited in a workbook: every cell against what it held when it was written.

A cell counts as edited when its text differs from what was exported. Locked cells must be as they were,
rows must be there, and what is new must be whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditgen.diagnostics import did_you_mean, shown_value
from auditgen.worksheet.bookreading import Came, cell_value
from auditgen.worksheet.faults import Fault
from auditgen.worksheet.sheets import DELETE, DELETE_TITLE, GUIDE, LISTS, Kind, digest, items, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.worksheet.bookreading import Returned
    from auditgen.worksheet.sheets import Column, Lines, Page, Row

NOTHING = Came()


@dataclass(frozen=True, slots=True)
class Edit:
    """A cell that was changed."""

    sheet: str
    key: str
    column: Column
    before: str
    after: str
    cell: str


@dataclass(slots=True)
class Entry:
    """A row as it came back, sound or not."""

    key: str
    number: int
    """Its row in the sheet, from 1."""
    columns: tuple[Column, ...]
    texts: dict[str, str]
    """By heading: the text of each cell that may be edited."""
    letters: dict[str, str]
    """By heading: the letter of its column."""
    is_new: bool = False
    is_deleted: bool = False
    edits: list[Edit] = field(default_factory=list)

    def cell(self, title: str) -> str:
        """The place of one of its cells."""
        return f"{self.letters[title]}{self.number}"


@dataclass(slots=True)
class Sheets:
    """All rows that came back, by sheet and key, and what is wrong with them."""

    rows: dict[str, dict[str, Entry]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def edits(self) -> list[Edit]:
        """Edited cells of rows that stay."""
        entries = (entry for rows in self.rows.values() for entry in rows.values())
        return [edit for entry in entries if not entry.is_deleted for edit in entry.edits]


def find_edits(returned: Returned, pages: tuple[Page, ...], base: Lines, now: Lines) -> Sheets:
    """Compare what came back with `base`, what was exported, and with `now`, what audit.yaml holds."""
    out = Sheets()
    for name, rows in returned.sheets.items():
        if name not in {GUIDE, LISTS, *(page.title for page in pages)} and any(
            c.text for row in rows for c in row
        ):
            message = "this sheet is not one of ours, and nothing is read from it; remove it"
            out.faults.append(Fault("workbook-sheet", message, name))
    for page in pages:
        grid = returned.sheets.get(page.title)
        if grid is None:
            others = ", ".join(shown_value(name) for name in list(returned.sheets)[:15])
            message = f"there is no sheet `{page.title}`; it was renamed or removed. There is {others}"
            out.faults.append(Fault("workbook-sheet", message))
            continue
        for ref in returned.merged.get(page.title, ())[:20]:
            message = f"the cells `{ref}` are merged; undo that"
            out.faults.append(Fault("workbook-merged", message, page.title, ref.partition(":")[0]))
        reader = _Reader(page, base, now)
        out.rows[page.title] = reader.read(grid)
        out.faults += reader.faults
    return out


@dataclass(slots=True)
class _Reader:
    page: Page
    base: Lines
    now: Lines
    faults: list[Fault] = field(default_factory=list)
    letters: dict[str, str] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def fault(self, code: str, message: str, cell: str = "") -> None:
        self.faults.append(Fault(code, message, self.page.title, cell))

    def read(self, grid: list[list[Came]]) -> dict[str, Entry]:
        if not self._headings(grid[0] if grid else []):
            return {}
        known = {row.key: row for row in self.page.rows}
        exported = {key for sheet, key, _ in self.base if sheet == self.page.title}
        out: dict[str, Entry] = {}
        for number, cells in enumerate(grid[1:], 2):
            if not any(came.text for came in cells):
                continue
            entry = self._entry(number, cells, known, exported, out)
            if entry is not None:
                out[entry.key] = entry
        back = "; bring it back" + (
            f", and mark it `{DELETE}` to take it out" if self.page.can_delete else ""
        )
        for key in sorted(exported - self.seen):
            if key in known:  # what audit.yaml no longer has may go
                self.fault("workbook-row-removed", f"the row of `{key}` is gone or its id was changed{back}")
        return out

    def _headings(self, cells: list[Came]) -> bool:
        heads = [came.text for came in cells]
        for title in self.page.titles:
            if heads.count(title) != 1:
                found = "is not there" if title not in heads else "stands there twice"
                self.fault(
                    "workbook-heading",
                    f"the heading `{title}` {found}; the first row names every column",
                    "A1",
                )
        self.at = {title: heads.index(title) for title in self.page.titles if title in heads}
        self.letters = {title: _letter(position) for title, position in self.at.items()}
        for position, head in enumerate(heads):
            if head and head not in self.page.titles:
                message = f"{shown_value(head)} is no column of this sheet"
                self.fault("workbook-heading", message, f"{_letter(position)}1")
        return not self.faults

    def _entry(
        self,
        number: int,
        cells: list[Came],
        known: dict[str, Row],
        exported: set[str],
        before: dict[str, Entry],
    ) -> Entry | None:
        first = self.page.columns[0].title
        place = f"{self.letters[first]}{number}"
        self._outside(number, cells)
        came = self._came(cells, first)
        key, wrong = cell_value(came, Kind.TEXT)
        key = next((name for name in known if same(key, name)), key)
        if wrong or not key:
            self.fault("workbook-key", wrong or f"there is no `{first}`; a row needs one", place)
            return None
        if key in self.seen:
            self.fault("workbook-row-twice", f"`{key}` stands here a second time", place)
            return None
        self.seen.add(key)
        if key in exported and key not in known:
            self._gone(number, key, cells)
            return None
        if key in known and key not in exported:
            message = f"`{key}` is in audit.yaml already; it was added there after the export"
            self.fault("workbook-conflict", message, place)
            return None
        if key not in known and not self.page.spare:
            helps = did_you_mean(key, known)
            message = "; ".join(
                [f"{shown_value(key)} is no row of this sheet, and none can be added", *helps]
            )
            self.fault("workbook-key", message, place)
            return None
        row = known.get(key)
        columns = row.columns if row else self.page.columns
        entry = Entry(key, number, columns, {first: key}, self.letters, is_new=row is None)
        self._mark(entry, cells)
        for position, column in enumerate(columns[1:], 1):
            self._cell(entry, row, position, column, self._came(cells, column.title))
        if not entry.is_deleted and (entry.is_new or entry.edits):
            self._whole(entry)
        return entry

    def _came(self, cells: list[Came], title: str) -> Came:
        position = self.at[title]
        return cells[position] if position < len(cells) else NOTHING

    def _outside(self, number: int, cells: list[Came]) -> None:
        """What stands beside the columns would be lost without a word."""
        for position, came in enumerate(cells):
            if came.text and position not in self.at.values():
                self.fault(
                    "workbook-outside", "nothing is read from here; empty it", f"{_letter(position)}{number}"
                )

    def _mark(self, entry: Entry, cells: list[Came]) -> None:
        if not self.page.can_delete:
            return
        came = self._came(cells, DELETE_TITLE)
        word = came.text.casefold()
        if word not in {"", DELETE} or came.is_formula:
            message = f"{shown_value(came.text)} is not `{DELETE}`; leave it empty to keep the entry"
            self.fault("workbook-word", message, entry.cell(DELETE_TITLE))
        elif word and entry.is_new:
            self.fault("workbook-word", "a new row cannot be deleted; empty it", entry.cell(DELETE_TITLE))
        entry.is_deleted = word == DELETE and not entry.is_new

    def _cell(self, entry: Entry, row: Row | None, position: int, column: Column, came: Came) -> None:
        place = entry.cell(column.title)
        was = self.base.get((self.page.title, entry.key, column.title), "")
        is_locked = column.is_locked if row is None else row.is_locked(position)
        if is_locked:
            entry.texts[column.title] = came.text
            is_same = not came.is_formula and (digest(came.text) == was or same(came.text, was))
            if row is None and came.text:
                self.fault("workbook-locked", f"`{column.title}` cannot be filled in here", place)
            elif row is not None and not is_same:
                self.fault(
                    "workbook-locked", f"`{column.title}` of `{entry.key}` cannot be changed here", place
                )
            return
        text, wrong = cell_value(came, column.kind)
        is_text = isinstance(came.value, str) and column.kind in {Kind.TEXT, Kind.LIST}
        if is_text and not came.is_formula and same(came.text, was):
            text, wrong = was, ""
        if wrong:
            self.fault("workbook-value", wrong, place)
            entry.texts[column.title] = was
            return
        is_same = same(text, was) or (column.kind is Kind.LIST and items(text) == items(was))
        if is_same and row is not None:
            entry.texts[column.title] = self.now[self.page.title, entry.key, column.title]
            return
        entry.texts[column.title] = text
        now = was if row is None else self.now[self.page.title, entry.key, column.title]
        if now not in {was, text}:
            message = f"`{column.title}` of `{entry.key}` was changed here and in audit.yaml"
            message += f", which now says {shown_value(now)}"
            self.fault("workbook-conflict", message, place)
        elif now != text:
            self._word(column, text, place)
            entry.edits.append(Edit(self.page.title, entry.key, column, was, text, place))

    def _word(self, column: Column, text: str, place: str) -> None:
        is_closed = column.choices and not column.is_open and column.kind is not Kind.LIST
        if text and is_closed and text not in column.choices:
            helps = did_you_mean(text, column.choices) or (f"known: {', '.join(column.choices[:12])}",)
            self.fault("workbook-word", f"{shown_value(text)} is not in the list; {helps[0]}", place)

    def _whole(self, entry: Entry) -> None:
        """A changed or new row has everything that is needed."""
        filled = [c.title for c in entry.columns[1:] if entry.texts.get(c.title)]
        if not filled and self.page.can_delete and not entry.is_new:
            self.fault("workbook-empty", f"`{entry.key}` was emptied; to take it out, mark it `{DELETE}`",
                       entry.cell(entry.columns[0].title))  # fmt: skip
            return
        for column in entry.columns[1:]:
            if column.is_needed and not entry.texts.get(column.title) and not self._is_told(entry, column):
                message = f"`{column.title}` of `{entry.key}` is empty, and is needed"
                self.fault("workbook-empty", message, entry.cell(column.title))

    def _is_told(self, entry: Entry, column: Column) -> bool:
        return any(fault.cell == entry.cell(column.title) for fault in self.faults)

    def _gone(self, number: int, key: str, cells: list[Came]) -> None:
        """A row whose entry audit.yaml no longer has: as long as nobody edited it, nothing is lost."""
        for column in self.page.columns[1:]:
            came = self._came(cells, column.title)
            was = self.base.get((self.page.title, key, column.title), "")
            if digest(came.text) != was and not same(came.text, was):
                message = f"`{key}` was changed here and is no longer in audit.yaml"
                self.fault("workbook-conflict", message, f"{self.letters[column.title]}{number}")


def _letter(position: int) -> str:
    """The letter of a column by its number from 0; there are few."""
    return chr(ord("A") + position) if position < 26 else f"A{chr(ord('A') + position - 26)}"


def told(edits: list[Edit], entries: Sheets) -> Iterator[str]:
    """Every change in a line."""
    for edit in edits:
        before, after = _short(edit.before or "(empty)"), _short(edit.after or "(empty)")
        yield f"{edit.sheet} {edit.cell}: {edit.key}, {edit.column.title}: {before} -> {after}"
    for sheet, rows in entries.rows.items():
        for entry in rows.values():
            if entry.is_new or entry.is_deleted:
                yield f"{sheet} row {entry.number}: {entry.key} {'added' if entry.is_new else 'deleted'}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
