"""The test suite of RFC 7208, every case of it (data/rfc7208-tests.yml, data/rfc7208-tests.LICENSE)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from zone_making import Zone

from provisioner.authentication import spf
from provisioner.dns.resolver import Reply, Status

SUITE = Path(__file__).parent / "data" / "rfc7208-tests.yml"
CASES = 203
TIMEOUT = "TIMEOUT"


def scenarios() -> Iterator[tuple[str, Mapping[str, Any], SuiteZone]]:
    with SUITE.open(encoding="utf-8") as stream:
        for document in yaml.load_all(stream, yaml.CSafeLoader):
            zone = SuiteZone(document["zonedata"])
            for name, case in document["tests"].items():
                yield name, case, zone


class SuiteZone:
    """The suite's zone: an SPF entry stands for a TXT record too, unless the name has TXT of its own."""

    def __init__(self, data: Mapping[str, Sequence[Any]]) -> None:
        records: dict[str, list[Any]] = {}
        self._silent: dict[str, frozenset[str]] = {}
        for name, entries in data.items():
            pairs = [pair for entry in entries if entry != TIMEOUT for pair in entry.items()]
            own_txt = any(rdtype == "TXT" for rdtype, _ in pairs)
            answered = set()
            for rdtype, value in pairs:
                if rdtype == "SPF" and own_txt:
                    continue
                rdtype = "TXT" if rdtype == "SPF" else rdtype
                answered.add(rdtype)
                if value not in ("NONE", TIMEOUT):
                    records.setdefault(f"{name} {rdtype}", []).append(presented(rdtype, value))
            if TIMEOUT in entries:
                self._silent[name.lower()] = frozenset(t for t in answered if f"{name} {t}" in records)
        self._zone = Zone(records)

    def ask(self, name: str, rdtype: str) -> Reply:
        known = self._silent.get(name.lower())
        if known is not None and rdtype not in known:
            return Reply(name, rdtype, Status.TIMEOUT)
        return self._zone.ask(name, rdtype)


def presented(rdtype: str, value: Any) -> Any:
    if rdtype == "TXT":
        parts = [value] if isinstance(value, str) else value
        return [part.encode("utf-8") for part in parts] or [b""]
    if rdtype == "MX":
        return f"{value[0]} {value[1].rstrip('.')}."
    if rdtype in ("CNAME", "PTR"):
        return f"{value.rstrip('.')}."
    return value


ALL = list(scenarios())


def test_the_whole_suite_is_here() -> None:
    assert len(ALL) == CASES


@pytest.mark.parametrize(("name", "case", "zone"), ALL, ids=[name for name, _, _ in ALL])
def test_a_case_of_the_suite(name: str, case: Mapping[str, Any], zone: SuiteZone) -> None:
    found = spf.evaluate(str(case["host"]), case["mailfrom"], case["helo"], zone.ask)

    expected = case["result"]
    assert found.result in (expected if isinstance(expected, list) else [expected])
    if "explanation" in case:
        assert (found.explanation or "DEFAULT") == case["explanation"]
