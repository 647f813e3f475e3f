"""Builds the disk of qemu's hosts: a Debian tree with kernel and mail packages, as ext4.

    python -m provisioner.sandbox.disk make RELEASE FOLDER      all of it
    python -m provisioner.sandbox.disk pack FOLDER              the second half

A program of its own, since without root the second half has to run under fakeroot, whose library
makes files look as if root owned them; mmdebstrap finds its own way to install without root.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from provisioner.sandbox.image import MAIL_PACKAGES, PACKAGES, make_anonymous, mmdebstrap
from provisioner.sandbox.seed import dhcp_file

_SEED_UNIT = """\
[Unit]
Description=Take this sandbox host's name and keys from its seed disk
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target systemd-tmpfiles-setup.service ssh.service

[Service]
Type=oneshot
ExecStart=tar --extract --file=/dev/vdb --directory=/ --no-overwrite-dir
"""
_KERNEL = ("linux-image-cloud-amd64", "udev")
_UNITS = "etc/systemd/system"
DISK_SIZE = "6G"  # sparse: what is written is a tenth of it


def make(release: str, folder: Path) -> None:
    """Write `disk.raw`, `vmlinuz` and `initrd` into the folder."""
    folder.mkdir(parents=True)
    packages = (*PACKAGES, *_KERNEL, *MAIL_PACKAGES)
    subprocess.run(mmdebstrap(release, folder / "tree.tar", packages), check=True)
    if os.geteuid() == 0:
        pack(folder)
    else:
        argv = ["fakeroot", sys.executable, "-m", "provisioner.sandbox.disk", "pack", str(folder)]
        subprocess.run(argv, check=True)


def pack(folder: Path) -> None:
    """Make the disk of `tree.tar`."""
    tree = folder / "tree"
    tree.mkdir()
    argv = ["tar", "--extract", "--numeric-owner", f"--file={folder / 'tree.tar'}", f"--directory={tree}"]
    subprocess.run([*argv, "--same-permissions", "--exclude=./dev/*"], check=True)
    make_anonymous(tree)
    mend_postfix(tree / "etc/postfix/main.cf")
    network = dhcp_file()
    write(tree / network.path, network.content.decode())
    write(tree / _UNITS / "provision-seed.service", _SEED_UNIT)
    enable(tree, "sysinit.target", "/etc/systemd/system/provision-seed.service")
    enable(tree, "multi-user.target", "/usr/lib/systemd/system/systemd-networkd.service")
    for kind, name in (("vmlinuz-*", "vmlinuz"), ("initrd.img-*", "initrd")):
        newest = sorted((tree / "boot").glob(kind))[-1]
        (folder / name).write_bytes(newest.read_bytes())
    argv = ["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(tree), str(folder / "disk.raw"), DISK_SIZE]
    subprocess.run(argv, check=True, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
    (folder / "tree.tar").unlink()


def mend_postfix(main_cf: Path) -> None:
    """Let Postfix speak IP: installed where /proc can't be mounted, its package switches that off."""
    lines = main_cf.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("inet_protocols")]
    main_cf.write_text("\n".join([*kept, "inet_protocols = all"]) + "\n")


def write(path: Path, text: str) -> None:
    """Write a file of the tree, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def enable(tree: Path, target: str, unit: str) -> None:
    """Make `target` want `unit`, as `systemctl enable` does."""
    wants = tree / _UNITS / f"{target}.wants"
    wants.mkdir(parents=True, exist_ok=True)
    link = wants / Path(unit).name
    link.unlink(missing_ok=True)
    link.symlink_to(unit)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], Path(sys.argv[3]))
    else:
        pack(Path(sys.argv[2]))
