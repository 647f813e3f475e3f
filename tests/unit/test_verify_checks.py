"""testinfra tests of roles and of the user's own, run in a worker process over an open shell."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_shell import LocalConnection

from provisioner.inventory.model import Host
from provisioner.roles.model import Desired, Port
from provisioner.verify.checks import Workers
from provisioner.verify.job import Job
from provisioner.verify.result import Check
from provisioner.verify.shell import Shell


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as crew:
        yield crew


class Place:
    """A folder with a role's checks and the user's tests, and what running them came to."""

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.folder, self.workers = folder, workers

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, name: str = "mx1.example.test", seconds: float = 60.0) -> dict[str, Check]:
        host = Host(name, {"own": 1}, {}, groups=("all", "mail"))
        roles = {path.name: path / "checks" for path in sorted((self.folder / "roles").glob("*"))}
        desired = Desired(
            host, "bookworm", (), ports=(Port(25, "smtp", "web"),), variables={"web_port": 80}, checks=roles
        )
        tests = self.folder / "tests"
        checks: list[Check] = []
        with Shell(LocalConnection()) as shell:
            job = Job(desired, tests if tests.is_dir() else None)
            self.workers.run(job, shell, checks.append, seconds)
        assert len({check.id for check in checks}) == len(checks)
        return {check.id: check for check in checks}


@pytest.fixture
def place(tmp_path: Path, workers: Workers) -> Place:
    return Place(tmp_path, workers)


def test_a_roles_check_asks_the_host_through_testinfra(place: Place) -> None:
    place.write(
        "roles/web/checks/test_files.py",
        "def test_passwd(host):\n"
        "    assert host.file('/etc/passwd').user == 'root'\n"
        "    assert host.run('printf %s', 'a b\\n$HOME').stdout == 'a b\\n$HOME'\n",
    )
    (check,) = place.run().values()
    assert (check.id, check.role, check.outcome) == ("web.test_passwd", "web", "pass")


def test_a_check_knows_the_hosts_variables_and_what_it_shall_be(place: Place) -> None:
    place.write(
        "roles/web/checks/test_a.py",
        "def test_a(variables, desired, host):\n"
        "    assert variables['web_port'] == 80 and variables['own'] == 1\n"
        "    assert [port.number for port in desired.ports] == [25]\n"
        "    assert host.backend.get_hostname() == desired.host.name\n",
    )
    assert place.run()["web.test_a"].outcome == "pass"


def test_a_failure_says_what_the_command_said_and_where_the_test_is(place: Place) -> None:
    place.write(
        "roles/web/checks/test_a.py",
        "def test_a(host):\n    assert host.run('echo no >&2; exit 3').rc == 0\n",
    )
    check = place.run()["web.test_a"]
    assert (check.outcome, check.message) == ("fail", "assert 3 == 0")
    assert "`echo no >&2; exit 3` ended with 3: no" in check.evidence[0]
    assert check.evidence[-1] == "at test_a.py:2"


def test_parameters_classes_skips_and_known_failures_have_their_ids(place: Place) -> None:
    place.write(
        "roles/web/checks/test_a.py",
        "import pytest\n"
        "@pytest.mark.parametrize('port', [25, 587])\n"
        "def test_port(port): pass\n"
        "class TestGroup:\n"
        "    def test_x(self): pass\n"
        "def test_skipped(): pytest.skip('not here')\n"
        "@pytest.mark.xfail(reason='bug 7')\n"
        "def test_known(): assert False\n",
    )
    checks = place.run()
    assert {(check.id, check.outcome, check.message) for check in checks.values()} == {
        ("web.test_port[25]", "pass", ""),
        ("web.test_port[587]", "pass", ""),
        ("web.TestGroup.test_x", "pass", ""),
        ("web.test_skipped", "skipped", "not here"),
        ("web.test_known", "skipped", "known to fail: bug 7"),
    }


def test_files_of_the_same_name_in_two_roles_do_not_meet(place: Place) -> None:
    for role in ("web", "mail"):
        text = f"NAME = '{role}'\ndef test_a(): assert NAME == '{role}'\n"
        place.write(f"roles/{role}/checks/test_services.py", text)
    checks = place.run()
    assert {(check.id, check.role, check.outcome) for check in checks.values()} == {
        ("web.test_a", "web", "pass"), ("mail.test_a", "mail", "pass")
    }  # fmt: skip


def test_the_users_own_tests_run_with_their_conftest_and_their_modules(place: Place) -> None:
    place.write("tests/conftest.py", "import pytest\n@pytest.fixture\ndef seven(): return 7\n")
    place.write("tests/numbers_of_ours.py", "SEVEN = 7\n")
    place.write(
        "tests/test_site.py",
        "from numbers_of_ours import SEVEN\ndef test_a(host, seven): assert seven == SEVEN\n",
    )
    assert place.run()["tests.site.test_a"].outcome == "pass"


@pytest.mark.parametrize(
    ("wanted", "runs"),
    [("['mx1*']", True), ("['mail']", True), ("['ansible://all']", True), ("['mx2*', 'web']", False)],
)
def test_testinfra_hosts_says_which_hosts_a_file_is_for(place: Place, wanted: str, runs: bool) -> None:
    place.write("tests/test_site.py", f"testinfra_hosts = {wanted}\ndef test_a(host): pass\n")
    assert bool(place.run()) is runs


def test_a_file_that_can_not_be_loaded_fails_on_every_host_and_the_others_run(place: Place) -> None:
    place.write("tests/test_broken.py", "import nothing_of_that_name\n")
    place.write("tests/test_good.py", "def test_a(): pass\n")
    for name in ("mx1.example.test", "mx2.example.test"):
        checks = place.run(name)
        assert checks["tests.broken"].outcome == "fail"
        assert "No module named 'nothing_of_that_name'" in checks["tests.broken"].message
        assert checks["tests.good.test_a"].outcome == "pass"


def test_nothing_that_a_test_keeps_goes_from_one_host_to_the_next(place: Place) -> None:
    place.write(
        "tests/test_a.py",
        "SEEN = []\ndef test_a(desired):\n    SEEN.append(1)\n    assert len(SEEN) == 1\n",
    )
    assert place.run("mx1.example.test")["tests.a.test_a"].outcome == "pass"
    assert place.run("mx2.example.test")["tests.a.test_a"].outcome == "pass"


def test_nothing_is_written_beside_the_tests(place: Place) -> None:
    place.write("tests/test_a.py", "def test_a(): pass\n")
    before = sorted(place.folder.rglob("*"))
    place.run()
    assert sorted(place.folder.rglob("*")) == before


def test_the_users_pytest_settings_do_not_steer_the_checks(place: Place) -> None:
    place.write("pytest.ini", "[pytest]\naddopts = --no-such-option\n")
    place.write("tests/test_a.py", "def test_a(): pass\n")
    assert place.run()["tests.a.test_a"].outcome == "pass"


def test_a_test_that_ends_the_process_is_a_failed_check_and_the_next_host_is_checked(place: Place) -> None:
    place.write(
        "tests/test_a.py",
        "import os\ndef test_a(desired):\n    if desired.host.name == 'bad': os._exit(1)\n",
    )
    checks = place.run("bad")
    assert checks["checks"].outcome == "fail"
    assert "ended" in checks["checks"].message
    assert place.run("good")["tests.a.test_a"].outcome == "pass"


def test_checks_that_never_end_are_ended(place: Place) -> None:
    place.write("tests/test_a.py", "import time\ndef test_a(): time.sleep(60)\n")
    started = time.monotonic()
    checks = place.run(seconds=2.0)
    assert checks["checks"].message == "the checks took longer than 2 s"
    assert time.monotonic() - started < 60
