"""The one place where an exception becomes text and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from typer import Abort, TyperException

from provisioner.errors import InputError, Location, ProvisionError

DEBUG_VARIABLE = "PROVISION_DEBUG"
INTERRUPTED = 130
DEFECT = 1
LARGEST_SOURCE = 4_000_000
"""Bytes; the line of a larger file is not shown."""


def guarded(
    command: Callable[[], int], arguments: Sequence[str], contacts_hosts: bool, name: str = ""
) -> int:
    """Run `command`, and turn whatever it raises into a message and the exit code of the contract.

    `name` is what the JSON calls it (default: the first word of `arguments`).
    """
    name = name or next((word for word in arguments if not word.startswith("-")), "")
    try:
        code = command()
    except ProvisionError as error:
        return report(error, name, wants_json(arguments), contacts_hosts)
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError" and not wants_json(arguments):
            print(error.format_message(), file=sys.stderr)
            return InputError.exit_code
        return report(_usage(error), name, wants_json(arguments))
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    except Exception as defect:  # the last net: the person gets a report to send, not a traceback
        return _report_defect(defect, name, wants_json(arguments))
    if code == INTERRUPTED:
        print("Interrupted.", file=sys.stderr)
    return code


def report(error: ProvisionError, name: str, as_json: bool, contacts_hosts: bool = False) -> int:
    """Print `error` to stderr, or as a JSON document to stdout; its exit code."""
    from provisioner.report import errors as text
    from provisioner.report import terminal

    screen = terminal.standard()
    if as_json:
        screen.document({"format": 1, "command": name, "error": text.error_document(error)})
    else:
        sources = text.Sources(name=shortest_name, line=source_line)
        screen.progress(*text.error_lines(error, sources, screen.err.width))
        if contacts_hosts and isinstance(error, InputError):
            screen.progress("Nothing was contacted.")
    return error.exit_code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for JSON; also where it can't be parsed otherwise."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def shortest_name(file: str) -> str:
    """`file` as seen from the current folder where it lies inside it."""
    path = Path(file)
    if not path.is_absolute():
        return file
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def source_line(where: Location) -> str | None:
    """The text of the line at `where`, or None where it can't be read as text."""
    path = Path(where.file)
    try:
        if where.line is None or not path.is_file() or path.stat().st_size > LARGEST_SOURCE:
            return None
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return None
    return lines[where.line - 1].rstrip("\r") if 0 < where.line <= len(lines) else None


def _usage(error: TyperException) -> InputError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "provision"
    message = error.format_message().rstrip(".")
    return InputError(message[:1].lower() + message[1:], hint=f"{path} --help says what it takes.")


def _report_defect(defect: Exception, name: str, as_json: bool) -> int:
    """Say that the fault is ours, and what to send; without values, since they may be secret."""
    from provisioner import __version__

    python = ".".join(str(part) for part in sys.version_info[:3])
    kind = type(defect).__name__
    if as_json:
        from provisioner.report import terminal

        error = {"kind": "defect", "message": f"{kind}: a defect in provision {__version__}", "hint": ""}
        terminal.standard().document({"format": 1, "command": name, "error": error})
    print(f"error: a defect in provision {__version__}: {kind}", file=sys.stderr)
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(defect)
        return DEFECT
    for frame in traceback.extract_tb(defect.__traceback__)[-6:]:
        print(f"  {shortest_name(frame.filename)}:{frame.lineno} in {frame.name}", file=sys.stderr)
    print(
        f"  This is not your mistake. Please report it with the lines above, Python {python} and the\n"
        f"  command you typed. {DEBUG_VARIABLE}=1 shows more, which may include values from your inventory.",
        file=sys.stderr,
    )
    return DEFECT
