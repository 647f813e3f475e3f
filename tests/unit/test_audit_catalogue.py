"""The catalogue of checks: every id once, every check with its reasons, the page current."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import provisioner.audit
from provisioner.audit.catalogue import CHECKS, INTRUSIVE, OUTSIDE, chosen
from provisioner.audit.finding import Check
from provisioner.audit.inside import judge as inside
from provisioner.audit.judgement import TOPICS
from provisioner.audit.servers import INTRUSIVE as TRIED
from provisioner.errors import InputError

ROOT = Path(__file__).parents[2]
by_id = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)


def test_every_id_is_there_once() -> None:
    ids = [check.id for check in CHECKS]
    assert sorted(ids) == sorted(set(ids))


def test_no_module_with_checks_is_left_out() -> None:
    declared: set[Check] = set()
    for module in pkgutil.walk_packages(provisioner.audit.__path__, "provisioner.audit."):
        declared |= set(getattr(importlib.import_module(module.name), "CHECKS", ()))
    assert declared == set(CHECKS)


@by_id
def test_a_check_says_what_why_how_and_where(check: Check) -> None:
    assert re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", check.id)
    assert check.area in TOPICS or check.area in inside.NAMES
    assert check.title and not check.title.endswith(".")
    assert re.match(r"(?![a-z])|(apt|fail2ban|sshd|root)\b", check.title)
    assert 1 <= len(re.findall(r"[.;](?= [A-Z`]|$)", check.why)) <= 3, check.why
    assert check.fix and check.reference
    assert "!" not in re.sub(r"`[^`]*`", "", check.title + check.why)


def test_no_area_is_judged_from_outside_and_from_inside() -> None:
    assert not set(OUTSIDE) & set(inside.NAMES)


def test_every_intrusive_check_is_skipped_somewhere_by_name() -> None:
    assert {check for checks in TRIED.values() for check in checks} == set(INTRUSIVE)


def test_the_page_of_checks_is_current() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "check-reference", "--check"], check=False)
    assert done.returncode == 0


def test_checks_are_chosen_by_id_area_or_pattern() -> None:
    assert chosen(["mx.present", "mx.present"]) == ("mx.present",)
    assert set(chosen(["mx"])) == {check.id for check in CHECKS if check.area == "mx"}
    assert {identity.split(".")[1][:8] for identity in chosen(["smtp.starttls*"])} == {"starttls"}


def test_a_check_that_is_not_there_is_a_mistake_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"no check `smtp\.open-rely`") as caught:
        chosen(["smtp.open-rely"])
    assert caught.value.note == "did you mean `smtp.open-relay`?"
