"""What `provision adopt` prints, and the report that it leaves beside the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from provisioner.adopt.result import Announced, Described, Difference, Fate, Note
from provisioner.report.escape import escape
from provisioner.report.layout import counted

_TITLES = {
    Fate.LOST: "Lost, and what to do",
    Fate.CHANGED: "Changed, and why",
    Fate.OVERRIDE: "Kept as an override",
    Fate.KEPT: "Kept as it is",
}
_SIGNS = {
    Fate.LOST: ("✗", "red"),
    Fate.CHANGED: ("~", "yellow"),
    Fate.OVERRIDE: ("✓", "green"),
    Fate.KEPT: ("✓", "green"),
}


def summary_lines(described: Described, announced: Announced, folder: str, width: int) -> list[Text]:
    """The terminal's summary: worst first, short."""
    lines = [
        Text.assemble(
            (described.name, "bold"), f"   {escape(described.software)} on Debian {described.release}"
        ),
        Text(""),
    ]
    for fate in (Fate.LOST, Fate.CHANGED):
        for note in described.of(fate):
            sign, colour = _SIGNS[fate]
            lines.append(
                Text.assemble((f"  {sign} ", colour), _cut(f"{fate:<8} {escape(note.what)}", width - 4))
            )
            if fate is Fate.LOST and note.todo:
                lines.append(Text(_cut(f"             {escape(note.todo)}", width)))
    kept, overrides = len(described.of(Fate.KEPT)), len(described.of(Fate.OVERRIDE))
    lines += [
        Text(f"  {_SIGNS[Fate.KEPT][0]} kept     {kept} as variables or untouched, {overrides} as overrides"),
        Text(""),
        Text(
            f"{_boxes(len(described.places))} in place. "
            f"Written: {folder}/inventory.yml, secrets.yml (encrypted), ADOPTED.md."
        ),
        Text(
            f"The first apply writes {counted(len(announced.files), 'file')}, installs "
            f"{counted(len(announced.packages), 'package')} and changes "
            f"{counted(len(announced.settings), 'setting')}; "
            "ADOPTED.md lists each."
        ),
        Text(f"Next: read ADOPTED.md, then provision plan {folder}/inventory.yml"),
    ]
    return lines


def _boxes(number: int) -> str:
    return "1 mailbox stays" if number == 1 else f"{number} mailboxes stay"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def report_text(described: Described, announced: Announced, source: str) -> str:
    """ADOPTED.md."""
    parts = [
        f"# {described.name}, as adopted",
        f"Read from {_plain(source)}: {_plain(described.software)} on Debian {described.release}. "
        "Nothing on the server was changed.\n"
        "`provision rollback inventory.yml` brings all of this back after the first apply: the "
        "files made by hand are\n"
        "saved on the host before anything is written.",
    ]
    for fate, title in _TITLES.items():
        parts.append(f"## {title}\n\n{_notes(described.of(fate))}")
    parts.append(f"## Mailboxes\n\n{_places(described)}")
    parts.append(f"## What the first apply does\n\n{_deployed(announced)}")
    parts.append(f"### Settings that get another value\n\n{_differences(announced.settings)}")
    return "\n\n".join(parts) + "\n"


def _notes(notes: Sequence[Note]) -> str:
    lines = []
    for note in notes:
        text = f"- `{_plain(note.what)}`"
        text += f": {_prose(note.why)}" if note.why else ""
        text += f". **To do:** {_prose(note.todo)}" if note.todo else ""
        lines.append(text)
    return "\n".join(lines) or "Nothing."


def _places(described: Described) -> str:
    if not described.places:
        return "None."
    rows = [f"| {_plain(p.address)} | `{_plain(p.path)}` | {_plain(p.source)} |" for p in described.places]
    head = (
        "They stay where they are and belong to whom they did. To move them to another host, stop "
        "its services, copy\n"
        "these places with `rsync -aHAX --numeric-ids`, and apply.\n\n| mailbox | place | known "
        "from |\n| --- | --- | --- |\n"
    )
    return head + "\n".join(rows)


def _deployed(announced: Announced) -> str:
    lines = [
        f"- writes {_listed(announced.files)}",
        f"- installs {_listed(announced.packages)}",
        f"- sees to {_listed(announced.others)}",
    ]
    if announced.ports:
        lines.append(f"- opens ports that nothing listened on: {', '.join(map(str, announced.ports))}")
    return "\n".join(lines)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{_plain(word)}`" for word in words) or "nothing"


def _differences(rows: Sequence[Difference]) -> str:
    if not rows:
        return "None."
    lines = ["| setting | before | after | why |", "| --- | --- | --- | --- |"]
    for row in rows:
        cells = (
            f"{row.program} `{_plain(row.name)}`",
            _value(row.before),
            _value(row.after),
            _prose(row.why),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _value(text: str) -> str:
    return f"`{_plain(text)}`" if text else "not set"


def _plain(text: str) -> str:
    """Text of the server's inside Markdown: one line, nothing in it that has a meaning there."""
    return escape(" ".join(text.split()), keep="").replace("`", "'").replace("|", "¦")[:600]


def _prose(text: str) -> str:
    return escape(" ".join(text.split()), keep="").replace("|", "¦")


def document(described: Described, announced: Announced) -> dict[str, object]:
    """The `--json` document. No secret is in it."""
    return {
        "format": 1,
        "command": "adopt",
        "host": described.name,
        "release": described.release,
        "notes": [
            {"fate": note.fate.value, "what": note.what, "why": note.why, "todo": note.todo}
            for note in described.notes
        ],
        "mailboxes": [
            {"address": place.address, "path": place.path, "source": place.source}
            for place in described.places
        ],
        "first_apply": {
            "files": list(announced.files),
            "packages": list(announced.packages),
            "others": list(announced.others),
            "ports": list(announced.ports),
            "settings": [
                {"program": s.program, "name": s.name, "before": s.before, "after": s.after, "why": s.why}
                for s in announced.settings
            ],
        },
    }
