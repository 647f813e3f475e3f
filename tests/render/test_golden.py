"""The files of the whole mail server role on each release, as they were last reviewed.

scripts/update-golden writes them anew; look at the difference as you would at code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from provisioner.rendering import Offline, render_offline
from provisioner.resources import File
from provisioner.roles.model import RELEASES, Desired

HERE = Path(__file__).parent
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


@cache
def rendered() -> Offline:
    return render_offline(HERE / "inventory.yml")


def desired(release: str) -> Desired:
    (host,) = rendered().hosts
    return host.by_release[release]


def texts(release: str) -> Mapping[str, str]:
    """Every file with its properties in front, and a list of everything else."""
    found: dict[str, str] = {}
    others: list[str] = []
    for one in desired(release).resources:
        if isinstance(one, File):
            takes = [f"reload {name}" for name in one.reload] + [f"restart {name}" for name in one.restart]
            secret = ["sensitive"] if one.sensitive else []
            head = " ".join([f"{one.owner}:{one.group}", f"{one.mode:04o}", *secret, *takes])
            found[one.path.lstrip("/")] = f"{head}\n{one.content.decode()}"
        else:
            others.append(repr(one))
    others += [repr(port) for port in desired(release).ports]
    others += [repr(record) for record in desired(release).records]
    return found | {"resources": "\n".join(others) + "\n"}


def kept(release: str) -> Mapping[str, str]:
    folder = HERE / "golden" / release
    return {
        file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()
    }


def write(release: str, wanted: Mapping[str, str]) -> None:
    folder = HERE / "golden" / release
    for name in kept(release).keys() - wanted.keys():
        (folder / name).unlink()
    for name, text in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("release", RELEASES)
def test_the_mail_server_renders_to_the_files_that_were_reviewed(release: str) -> None:
    wanted = texts(release)
    if UPDATE:
        write(release, wanted)
    before = kept(release)
    assert sorted(before) == sorted(wanted), "run scripts/update-golden and review what it changes"
    for name, text in wanted.items():
        assert text == before[name], f"{release}/{name}: run scripts/update-golden and review what it changes"


@pytest.mark.parametrize("release", RELEASES)
def test_no_rendered_file_holds_a_secret_in_the_clear(release: str) -> None:
    for one in desired(release).resources:
        if isinstance(one, File):
            text = one.content.decode()
            assert "plain text, hashed" not in text, one.path
            assert one.sensitive or "{ARGON2ID}" not in text, one.path
            assert one.sensitive or "<secret" not in text, one.path


@pytest.mark.parametrize("release", RELEASES)
def test_every_file_says_what_manages_it_or_is_too_short_to(release: str) -> None:
    for one in desired(release).resources:
        if isinstance(one, File) and one.content.count(b"\n") > 3:
            assert b"anaged by provision" in one.content[:600], one.path


@pytest.mark.parametrize("release", RELEASES)
def test_rendering_is_the_same_each_time(release: str) -> None:
    (again,) = render_offline(HERE / "inventory.yml").hosts
    assert again.by_release[release].resources == desired(release).resources
