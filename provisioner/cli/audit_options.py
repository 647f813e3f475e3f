"""The options of `provision audit` that no other command has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """Of the report."""

    table = "table"
    json = "json"
    sarif = "sarif"
    junit = "junit"
    html = "html"


class FailOn(StrEnum):
    """What ends in exit code 3."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"
    info = "info"
    none = "none"


Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET...",
        help="A mail domain, a host or HOST:PORT, an address, USER@HOST as for ssh, or an inventory."
        " Or: diff REPORT REPORT.",
        show_default=False,
    ),
]
ReportFormat = Annotated[
    Format | None,
    typer.Option("--format", help="Of the report; by default what --output ends with.", show_default="table"),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the report there; the table is printed too.",
        show_default=False,
    ),
]
Threshold = Annotated[
    FailOn, typer.Option("--fail-on", help="Exit 3 where something as severe as this is wrong.")
]
Checks = Annotated[
    list[str] | None,
    typer.Option(
        "--check",
        metavar="ID",
        help="Run only this check or area (spf, tls.version); may be repeated.",
        show_default=False,
    ),
]
OutsideOnly = Annotated[
    bool,
    typer.Option("--outside-only", help="Log in nowhere: judge hosts by what they show to strangers."),
]
FixPlanToo = Annotated[
    bool,
    typer.Option(
        "--fix-plan",
        help="For one inventory: which changes to it end what is wrong, and what apply would do then.",
    ),
]
Intrusive = Annotated[
    bool | None,
    typer.Option(
        "--intrusive/--no-intrusive",
        help="Also try what an attacker would: relaying, smuggling, injection, wrong logins.",
        show_default="asks",
    ),
]
User = Annotated[
    str,
    typer.Option(
        "--user",
        metavar="ADDRESS",
        show_default=False,
        help="An address that exists there, for checks that compare it with one that doesn't.",
    ),
]
Selectors = Annotated[
    list[str] | None,
    typer.Option(
        "--selector",
        metavar="NAME",
        show_default=False,
        help="A DKIM selector to look for, besides the usual ones; may be repeated.",
    ),
]
Message = Annotated[
    Path | None,
    typer.Option(
        "--message",
        metavar="FILE",
        help="A message from the domain: its DKIM keys are judged.",
        show_default=False,
    ),
]
Authorities = Annotated[
    Path | None,
    typer.Option(
        "--authorities",
        metavar="FILE",
        show_default=False,
        help="PEM file with the authorities to trust instead of the system's.",
    ),
]
AnswerTimeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for an answer.")
]
TimeLimit = Annotated[
    float, typer.Option("--time-limit", metavar="SECONDS", min=1, help="For one target, whatever it does.")
]
Connections = Annotated[
    int, typer.Option("--connections", metavar="N", min=1, max=20, help="To one server at the same time.")
]
TargetForks = Annotated[
    int, typer.Option("--forks", "-f", metavar="N", min=1, help="How many targets at the same time.")
]
Everything = Annotated[
    bool, typer.Option("--verbose", "-v", help="Every problem in full, and all that passed.")
]
