"""No false alarm: the records that `provision dns` prints for the demo, judged by the audit."""

from __future__ import annotations

import json
import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from zone_making import Zone

from provisioner.audit import bimi, dkim, dmarc, spf
from provisioner.audit.finding import Finding, Outcome
from provisioner.authentication import spf as evaluator
from provisioner.cli.app import run

DEMO = Path(__file__).parents[2] / "inventories" / "demo.yml"
ADDRESSES = {"mx1.demo.test A": ["203.0.113.5"], "mx1.demo.test AAAA": ["2001:db8::5"]}
WRONG = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    inventory = Path(shutil.copy(DEMO, tmp_path_factory.mktemp("demo")))
    printed = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        for name in ("PROVISION_AGE_KEY", "PROVISION_AGE_KEY_FILE"):
            patch.delenv(name, raising=False)
        assert run(["dns", str(inventory), "--json"]) == 0
    records: dict[str, list[str]] = {}
    for entries in json.loads(printed.getvalue())["zones"].values():
        for one in entries:
            records.setdefault(f"{one['name']} {one['type']}", []).append(one["value"])
    return Zone({**ADDRESSES, **records})


def wrong(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.check.id, str(one.weight)) for one in found if one.outcome in WRONG]


def test_the_domain_has_no_fault_but_that_it_only_watches_yet(zone: Zone) -> None:
    found = [finding for module in (spf, dkim, dmarc, bimi) for finding in module.audit("demo.test", zone)]

    assert wrong(found) == [("dmarc.policy", "low")]
    assert {"spf.record", "dkim.strength", "dmarc.record"} <= {one.check.id for one in found}


def test_the_server_s_own_name_has_no_fault(zone: Zone) -> None:
    assert wrong(spf.audit("mx1.demo.test", zone)) == []


@pytest.mark.parametrize("address", ["203.0.113.5", "2001:db8::5"])
def test_mail_and_bounces_of_the_server_pass(zone: Zone, address: str) -> None:
    mail = evaluator.evaluate(address, "alice@demo.test", "mx1.demo.test", zone.ask)
    bounce = evaluator.evaluate(address, "", "mx1.demo.test", zone.ask)
    stranger = evaluator.evaluate("203.0.113.6", "alice@demo.test", "mx1.demo.test", zone.ask)

    assert [one.result for one in (mail, bounce, stranger)] == ["pass", "pass", "fail"]
