"""A short run of scripts/torture: ten kills while mail flows, nothing lost, nothing in between."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from provisioner import sandbox
from tests.conftest import new_name
from tests.torture.program import unexplained

ROOT = Path(__file__).parent.parent.parent


def test_a_second_copy_needs_a_power_cut_or_a_restart_that_explains_it() -> None:
    def strike(since: int, fault: str, end: str) -> dict[str, object]:
        return {"since": since, "until": since + 10, "fault": fault, "end": end}

    strikes = [
        strike(100, "power cut", "undone"), strike(200, "runner killed", "undone"),
        strike(300, "network silent", "kept"),
    ]  # fmt: skip
    twice = {
        "cut": 101,
        "before the cut": 85,
        "restart": 202,
        "one too many": 203,
        "reload": 305,
        "calm": 150,
    }

    assert unexplained(twice, strikes) == ["one too many", "reload", "calm"]


def test_ten_kills_lose_no_message_and_leave_nothing_half_done(tmp_path: Path) -> None:
    name = new_name()
    command = [sys.executable, str(ROOT / "scripts" / "torture"), "--kills", "10", "--host", name]
    try:
        ended = subprocess.run(
            [*command, "--state", str(tmp_path), "--json"], capture_output=True, text=True, timeout=900
        )
    finally:
        sandbox.down(name)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    summary = json.loads(ended.stdout)
    assert summary["kills"] == 10 and summary["not_good"] == [] and summary["left_in_queue"] == ""
    assert summary["messages"]["accepted"] > 5 and summary["messages"]["lost"] == []
