"""The report of `provision audit`: on the screen, in a file, or compared with an older one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli.audit_options import Format
from provisioner.errors import AnswerIsNo, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.audit.finding import Severity
    from provisioner.audit.judgement import Judgement
    from provisioner.cli.fix_plan import FixPlan
    from provisioner.report.terminal import Terminal

SUFFIXES = {".json": Format.json, ".sarif": Format.sarif, ".xml": Format.junit, ".html": Format.html}


def chosen_form(form: Format | None, output: Path | None) -> tuple[Format, Path | None]:
    """The format of the report: as told, else by the file's name."""
    if output is None:
        return form or Format.table, None
    if not output.absolute().parent.is_dir():
        raise InputError(f"there is no folder {output.absolute().parent}, where {output.name} is to go")
    if form is None:
        form = SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise InputError(
            f"what {output.name} is to hold is not clear from its name",
            hint="--format json, sarif, junit, html or table says it.",
        )
    return form, output


def put_report(
    judgements: Sequence[Judgement],
    elapsed: float,
    form: Format,
    output: Path | None,
    threshold: Severity | None,
    screen: Terminal,
    *,
    verbose: bool,
    fixes: FixPlan | None = None,
) -> None:
    """Print the table, and write the report, or print the report alone."""
    from provisioner.report.audit import report_lines, totals

    if output is not None or form is Format.table:
        screen.result(*report_lines(judgements, screen.width, verbose=verbose), "")
        screen.result(totals(judgements, elapsed))
        if fixes is not None:
            screen.result("", *fixes.lines(screen.width))
    if output is None and form is Format.table:
        return
    text = report_text(judgements, elapsed, form, threshold, verbose=verbose, fixes=fixes)
    if output is not None:
        write_whole(output, text)
        screen.progress(f"Wrote {output}")
    else:
        screen.result(text.removesuffix("\n"))


def report_text(
    judgements: Sequence[Judgement],
    elapsed: float,
    form: Format,
    threshold: Severity | None,
    *,
    verbose: bool,
    fixes: FixPlan | None = None,
) -> str:
    """The report in one of the formats, as the text of a file."""
    import json

    from provisioner.report import audit_html, audit_json, audit_junit, audit_sarif
    from provisioner.report.audit import report_lines

    now = datetime.now(UTC)
    if form is Format.json:
        planned = {} if fixes is None else {"fix_plan": fixes.document()}
        return json.dumps(audit_json.document(judgements, elapsed, now) | planned, indent=2) + "\n"
    if form is Format.sarif:
        began = datetime.fromtimestamp(now.timestamp() - elapsed, UTC)
        return json.dumps(audit_sarif.document(judgements, began, now), indent=2) + "\n"
    if form is Format.junit:
        return audit_junit.document(judgements, threshold).decode("utf-8")
    if form is Format.html:
        return audit_html.html_document(judgements, elapsed, now)
    return "".join(f"{line.plain}\n" for line in report_lines(judgements, 80, verbose=verbose))


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all: a reader never sees half a report, and a failure leaves the old one."""
    import os
    import tempfile

    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AnswerIsNo(f"{path} can't be written: {error.strerror}") from None


def compare_reports(files: list[str], screen: Terminal, form: Format | None, output: Path | None) -> int:
    """`audit diff OLD NEW`: print what changed; the exit code."""
    from provisioner.audit.comparison import compared, read_report
    from provisioner.report.audit_diff import diff_lines, document

    if len(files) != 2:
        raise InputError(
            f"audit diff compares two reports, and {len(files)} were named",
            hint="provision audit diff OLD.json NEW.json",
        )
    if form not in (None, Format.table, Format.json) or output is not None:
        raise InputError("audit diff prints a table or, with --json, a document; nothing else")
    comparison = compared(*(read_report(Path(file)) for file in files))
    if form is Format.json:
        screen.document(document(comparison))
    else:
        screen.result(*diff_lines(comparison, screen.width))
    return AnswerIsNo.exit_code if comparison.worse else 0
