"""What is put into a host before it boots, and what is kept of what it fetched."""

from __future__ import annotations

from pathlib import Path

import yaml

from provisioner.sandbox.cache import ARCHIVES, LISTS, keep_downloads
from provisioner.sandbox.image import MAIL_PACKAGES, PACKAGES
from provisioner.sandbox.keys import make_keys
from provisioner.sandbox.seed import nameservers_in, network_file, seed_files, write_seed
from provisioner.sandbox.state import Record

ONE = Record("mx1.demo.test", "10.87.0.11", "bookworm", "nspawn", address6="fd70::b")


def test_a_loopback_resolver_is_dead_inside_a_host_and_left_out() -> None:
    text = (
        "# by systemd-resolved\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver ::1\noptions edns0\n"
    )

    assert nameservers_in(text) == ["192.0.2.1"]


def test_no_more_resolvers_than_the_library_reads() -> None:
    assert nameservers_in("".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 9))) == [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
    ]


def test_a_host_gets_its_name_keys_and_addresses(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys", "one")
    seed = tmp_path / "seed"
    seed.mkdir()

    write_seed(
        seed, [*seed_files(ONE, keys, ["192.0.2.1"]), network_file(ONE, "10.87.0.1")], tmp_path / "none"
    )

    assert (seed / "etc/hostname").read_text() == "mx1\n"
    assert "10.87.0.11 mx1.demo.test mx1\nfd70::b mx1.demo.test mx1\n" in (seed / "etc/hosts").read_text()
    assert (seed / "etc/machine-id").read_bytes() == b""
    assert (seed / "etc/resolv.conf").read_text() == "nameserver 192.0.2.1\n"
    assert (seed / "root/.ssh/authorized_keys").read_text() == keys.login_public()
    assert (seed / "root").stat().st_mode & 0o777 == 0o700
    assert (seed / "etc/ssh/ssh_host_rsa_key").stat().st_mode & 0o777 == 0o600
    assert "Address=10.87.0.11/24" in (seed / "etc/systemd/network/10-host0.network").read_text()


def test_a_host_behind_a_forwarded_port_does_not_give_its_name_the_machines_loopback(tmp_path: Path) -> None:
    record = Record("one", "127.77.0.11", "bookworm", "qemu")
    files = {f.path: f.content.decode() for f in seed_files(record, make_keys(tmp_path, "one"), [])}

    assert "127.0.1.1 one" in files["etc/hosts"]
    assert "127.77" not in files["etc/hosts"]


def fetched(upper: Path, *names: str) -> None:
    """Files as apt leaves them in what a host wrote."""
    for name in names:
        path = upper / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_what_one_host_fetched_lies_in_the_next_ones_seed(tmp_path: Path) -> None:
    upper, cache, seed = tmp_path / "upper", tmp_path / "cache", tmp_path / "seed"
    lists = [f"{LISTS}/archive.test_debian_dists_bookworm_{end}" for end in ("InRelease", "main_Packages")]
    fetched(upper, f"{ARCHIVES}/nftables_1.0.6-2+deb12u2_amd64.deb", f"{ARCHIVES}/lock", *lists)

    keep_downloads(upper, cache)
    seed.mkdir()
    write_seed(seed, [], cache)

    assert [path.name for path in (seed / ARCHIVES).iterdir()] == ["nftables_1.0.6-2+deb12u2_amd64.deb"]
    assert len(list((seed / LISTS).iterdir())) == 2


def test_lists_without_their_signed_index_do_not_replace_a_whole_set(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    fetched(tmp_path / "a", f"{LISTS}/d_dists_x_InRelease", f"{LISTS}/d_dists_x_main_Packages")
    fetched(tmp_path / "b", f"{LISTS}/d_dists_x_InRelease")
    keep_downloads(tmp_path / "a", cache)

    keep_downloads(tmp_path / "b", cache)

    assert len(list((cache / "lists").iterdir())) == 2


def test_a_link_that_a_host_left_in_place_of_a_folder_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    fetched(outside, "secret_1_amd64.deb")
    upper = tmp_path / "upper"
    (upper / "var/cache/apt").mkdir(parents=True)
    (upper / ARCHIVES).symlink_to(outside)

    keep_downloads(upper, tmp_path / "cache")

    assert list((tmp_path / "cache/archives").iterdir()) == []


def test_a_link_that_a_host_left_in_place_of_a_package_is_not_taken(tmp_path: Path) -> None:
    fetched(tmp_path, "secret")
    archives = tmp_path / "upper" / ARCHIVES
    archives.mkdir(parents=True)
    (archives / "x_1_amd64.deb").symlink_to(tmp_path / "secret")

    keep_downloads(tmp_path / "upper", tmp_path / "cache")

    assert list((tmp_path / "cache/archives").iterdir()) == []


def test_the_slow_drivers_image_holds_every_package_of_the_mail_server() -> None:
    roles = Path(__file__).parents[2] / "roles"
    names, wanted = ["mail_server"], set()
    for name in names:
        role = yaml.safe_load((roles / name / "role.yml").read_text())
        names += [other for other in role.get("requires", []) if other not in names]
        for package in role.get("packages", []):
            if isinstance(package, str):
                wanted.add(package)
            elif "acme" not in str(package.get("when", "")) and "for_each" not in package:
                wanted.add(package["name"])  # What a variable lists is the inventory's own.

    assert "postfix" in wanted
    assert wanted - {*MAIL_PACKAGES, *PACKAGES} == set()
