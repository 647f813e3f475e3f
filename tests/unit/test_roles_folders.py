"""Where roles and templates are found, and that nothing leads out of there."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.errors import InputError
from provisioner.roles import folders


def test_built_in_roles_are_package_data_where_installed_and_at_the_root_in_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_PACKAGE", tmp_path / "provisioner")
    assert folders.built_in_folder("roles") == tmp_path / "roles"
    (tmp_path / "provisioner/data/roles").mkdir(parents=True)
    assert folders.built_in_folder("roles") == tmp_path / "provisioner/data/roles"


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a\0b", "out/x", "deep/link"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    (folder / "deep").mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path)
    (folder / "deep/link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match=r"must be a path inside|leads out of"):
        folders.file_inside(folder, name, folder)


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").symlink_to("a")
    assert folders.file_inside(tmp_path, "b", tmp_path).read_text() == "a"


def test_the_work_tree_is_the_nearest_folder_with_git(tmp_path: Path) -> None:
    (tmp_path / "repo/deep/inventory").mkdir(parents=True)
    assert folders.work_tree(tmp_path / "repo/deep/inventory") == tmp_path / "repo/deep/inventory"
    (tmp_path / "repo/.git").mkdir()
    assert folders.work_tree(tmp_path / "repo/deep/inventory") == tmp_path / "repo"
