"""What hosts start from: Debian trees made once by mmdebstrap and then only read, and disks of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioner.sandbox.packages import require
from provisioner.sandbox.state import RELEASES, SandboxError, State

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "iproute2",
    "ca-certificates",
    "procps",
    "sudo",
)
"""What a small Debian server has before anybody configures it: no Python, no mail server."""
MAIL_PACKAGES = (
    "dovecot-core",
    "dovecot-imapd",
    "dovecot-lmtpd",
    "dovecot-managesieved",
    "dovecot-pop3d",
    "dovecot-sieve",
    "nftables",
    "openssl",
    "postfix",
    "redis-server",
    "rspamd",
    "systemd-timesyncd",
    "tzdata",
    "unattended-upgrades",
)
"""What the bundle mail_server installs, for images where installing it later would take too long."""


def ensure_image(state: State, release: str) -> Path:
    """The tree of `release`, made on first use (half a minute). Raises SandboxError with the log's end."""
    image = state.image(release)
    if not (image / "etc/debian_version").exists():
        with state.lock(f"image-{release}"):
            if not (image / "etc/debian_version").exists():
                print(f"Building the image of {release}, once: about a minute.", file=sys.stderr, flush=True)
                require({"mmdebstrap": "mmdebstrap"})
                _build(image, lambda new: mmdebstrap(release, new, PACKAGES), make_anonymous)
    return image


def ensure_archive(state: State, release: str) -> Path:
    """The same as a tar file, for users who aren't root: they can't keep files as root's in a tree."""
    archive = state.image(release).with_suffix(".tar")
    if not archive.exists():
        with state.lock(f"image-{release}"):
            if not archive.exists():
                print(f"Building the image of {release}, once: about a minute.", file=sys.stderr, flush=True)
                require({"mmdebstrap": "mmdebstrap", "newuidmap": "uidmap", "fakeroot": "fakeroot"})
                _build(archive, lambda new: mmdebstrap(release, new, PACKAGES))
    return archive


def ensure_disk(state: State, release: str) -> Path:
    """The folder with `disk.raw`, `vmlinuz` and `initrd` of `release`, made on first use (two minutes)."""
    folder = state.image(release, "mail")
    if not folder.exists():
        with state.lock(f"disk-{release}"):
            if not folder.exists():
                said = "mail packages included: about two minutes. Hosts of it are not fresh ones"
                print(f"Building the disk of {release}, once, {said}.", file=sys.stderr, flush=True)
                require({"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"})
                command = [sys.executable, "-m", "provisioner.sandbox.disk", "make", release]
                if os.geteuid() != 0:
                    require({"newuidmap": "uidmap", "fakeroot": "fakeroot"})
                _build(folder, lambda new: [*command, str(new)], lambda new: remove_tree(new / "tree"))
    return folder


def built_images(state: State) -> list[str]:
    """The releases whose tree is there."""
    return [release for release in RELEASES if (state.image(release) / "etc/debian_version").exists()]


def mmdebstrap(release: str, target: Path, packages: Sequence[str]) -> list[str]:
    """The command that installs Debian into `target`: a folder, or a tar file by its name."""
    return [
        "mmdebstrap",
        f"--mode={'root' if os.geteuid() == 0 else 'auto'}",
        "--variant=minbase",
        '--aptopt=APT::Sandbox::User "root"',  # the folder is ours alone: _apt can't write there
        f"--include={','.join(packages)}",
        release,
        str(target),
    ]


def make_anonymous(tree: Path) -> None:
    """Take out of a tree what must differ from host to host."""
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (tree / "etc/machine-id").write_bytes(b"")  # systemd makes one at boot: machine-id(5)
    for name in ("var/lib/dbus/machine-id", "etc/hostname", "etc/resolv.conf"):
        (tree / name).unlink(missing_ok=True)


def remove_tree(tree: Path) -> None:
    """Delete a folder; whatever is mounted inside is unmounted first and never walked into."""
    if not tree.exists():
        return
    for mount in reversed(_mounts_below(tree)):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
    if _mounts_below(tree):
        raise SandboxError(f"something is still mounted below {tree}", hint="umount it, then try again.")
    subprocess.run(["rm", "--recursive", "--force", "--one-file-system", str(tree)], check=True)


def _build(
    target: Path, command: Callable[[Path], list[str]], finish: Callable[[Path], None] | None = None
) -> None:
    """Make `target` by a command that writes to the path it is given; nothing half made gets the name."""
    target.parent.mkdir(exist_ok=True)
    for left in target.parent.glob(f"{target.name}.new-*"):
        remove_tree(left)
    # mmdebstrap goes by the end of the name: .tar is an archive.
    new = target.with_name(
        f"{target.name}.new-{os.getpid()}{target.suffix if target.suffix == '.tar' else ''}"
    )
    log = target.with_name(f"{target.name}.log")
    with log.open("wb") as stream:
        done = subprocess.run(
            command(new), stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, check=False
        )
    if done.returncode:
        tail = log.read_text(errors="replace").splitlines()[-8:]
        remove_tree(new)
        raise SandboxError(
            f"{target.name} could not be built",
            hint=f"Is the package archive reachable? The whole log: {log}",
            evidence=tail,
        )
    if finish:
        finish(new)
    new.rename(target)


def _mounts_below(tree: Path) -> list[str]:
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point == str(tree) or point.startswith(f"{tree}/")]
