"""`provision dns`: every record that the inventory's domains need, and what is published instead."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import InventoryPath, Json, Limit, Resolver, VaultId, VaultPasswordFile
from provisioner.errors import AnswerIsNo, InputError

if TYPE_CHECKING:
    from provisioner.dns.records import Records
    from provisioner.prepare import Prepared
    from provisioner.roles.model import Desired
    from provisioner.secrets import Secrets


class Format(StrEnum):
    """How records are written."""

    zone = "zone"
    json = "json"
    octodns = "octodns"


def dns_command(
    inventory: InventoryPath,
    format_: Annotated[
        Format, typer.Option("--format", help="Zone file text, JSON, or octoDNS's YAML.")
    ] = Format.zone,
    domain: Annotated[
        list[str] | None,
        typer.Option(
            "--domain",
            metavar="DOMAIN",
            help="Only records in this zone; may be given several times. By default the mail domains.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Write one file per zone into this folder.", show_default=False
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with what is published; exit 3 where it differs.")
    ] = False,
    resolver: Resolver = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for an answer.")
    ] = 5.0,
    limit: Limit = None,
    as_json: Json = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
) -> None:
    """Print every DNS record that the inventory's domains need.

    Without --check nobody is asked. A key that a record is made from, and that isn't there yet, is
    made and kept encrypted beside the inventory; commit it, and apply uses it.
    """
    from provisioner.cli.prepare import keep, prepared

    found = prepared(inventory, limit, vault_password_file, vault_id, persist=not check)
    records = _records(found, domain)
    if check:
        raise typer.Exit(_check(records, found.secrets, resolver, timeout, as_json))
    keep(found.secrets)
    _write(records, Format.json if as_json else format_, out)


def _records(prepared: Prepared, domains: list[str] | None) -> Records:
    from provisioner.dns.records import in_zones, merged, outermost

    found = [next(iter(one.by_release.values())) for one in prepared.candidates]
    entries = merged((desired.host.name, record) for desired in found for record in desired.records)
    if not domains:
        return in_zones(entries, outermost(_mail_domains(found)))
    records = in_zones(entries, domains)
    for zone, inside in records.zones.items():
        if not inside:
            raise InputError(
                f"no record of the inventory lies in {zone}",
                hint=f"It has: {', '.join(outermost(_mail_domains(found)))}.",
            )
    return type(records)(records.zones)


def _mail_domains(found: Iterable[Desired]) -> set[str]:
    domains = set()
    for desired in found:
        named = desired.variables.get("mail_domains")
        domains |= {str(name) for name in named} if isinstance(named, dict | list) else set()
    return domains


def _write(records: Records, form: Format, out: Path | None) -> None:
    from provisioner.dns import json_form, octodns, zone_text
    from provisioner.report.terminal import standard

    screen = standard()
    if form is Format.json:
        screen.document(json_form.document(records))
        return
    files = zone_text.zone_files(records) if form is Format.zone else octodns.zone_files(records)
    rest = zone_text.elsewhere(records)
    if out is not None:
        for name in _write_files(files, out, ".zone" if form is Format.zone else ".yaml"):
            screen.progress(f"Wrote {name}")
    elif form is Format.octodns and len(files) > 1:
        raise InputError(
            f"octoDNS wants one file per zone, and there are {len(files)}",
            hint="--out DIR writes them; --domain DOMAIN prints one.",
        )
    else:
        screen.result(*"\n".join(files.values()).splitlines())
    if rest and (out is not None or form is Format.octodns):
        screen.progress(*rest.splitlines())
    elif rest:
        screen.result("", *rest.splitlines())


def _write_files(files: dict[str, str], out: Path, suffix: str) -> Iterable[Path]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for zone, text in files.items():
            path = out / f"{zone}{suffix}"
            path.write_text(text, encoding="utf-8")
            yield path
    except OSError as error:
        raise InputError(f"{error.filename or out} can't be written: {error.strerror}") from None


def _check(records: Records, secrets: Secrets, resolver: str | None, timeout: float, as_json: bool) -> int:
    from provisioner.dns import findings_text
    from provisioner.dns.compare import compared
    from provisioner.dns.published import ask
    from provisioner.report.escape import escape
    from provisioner.report.terminal import standard

    screen = standard()
    if unmade := [name for name in secrets.generated if name.startswith("dkim/")]:
        screen.progress(f"Not made yet: {', '.join(unmade)}. Without --check they are made and kept.")
    entries = list(records)
    findings = compared(entries, ask(((one.name, one.type) for one in entries), resolver, timeout))
    asked = resolver or "the system's resolver"
    if as_json:
        screen.document(findings_text.document(findings, asked))
    else:
        screen.result(*(escape(line) for line in findings_text.lines(findings, asked)))
    return 0 if all(finding.outcome == "published" for finding in findings) else AnswerIsNo.exit_code
