"""Hosts as Docker or Podman containers with systemd as their PID 1, on a network of their own.

For machines that may not mount anything themselves but have an engine that answers; which options
let systemd boot is found by trying (ways.py).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from provisioner.sandbox.cache import ARCHIVES, LISTS, keep_downloads
from provisioner.sandbox.driver import Place
from provisioner.sandbox.image import built_images, ensure_archive, ensure_image, remove_tree
from provisioner.sandbox.keys import HostKeys
from provisioner.sandbox.network import CANDIDATES, free_address
from provisioner.sandbox.seed import machine_nameservers, seed_files, write_seed
from provisioner.sandbox.state import Record, SandboxError, State, write_whole
from provisioner.sandbox.ways import INIT, ask_engine, find_way, is_running, remembered_way

_ROOTLESS = re.compile(r"^\s*rootless(: true)?\s*$", re.MULTILINE)
_ENGINES_OWN = ("etc/hosts", "etc/hostname", "etc/resolv.conf")


@dataclass(frozen=True)
class Engine:
    """The drivers `docker` and `podman`: their command lines agree in all that is used here."""

    name: str
    boot_seconds: float = 60.0
    image_kind: str = "minimal"

    def refusal(self, state: State) -> str | None:
        """Whether the engine answers, and boots systemd in one of the known ways."""
        if shutil.which(self.name) is None:
            return "not installed"
        try:
            answer = ask_engine(self.name, [], "info", timeout=5)
        except SandboxError as error:
            said = error.evidence[-1] if error.evidence else error.message
            return f"no engine answered: {said[:120]}"
        if not answer.strip():
            return "no engine answered"
        if _ROOTLESS.search(answer):  # podman-info(1), `docker info`: said before anything is built in vain
            return "without root this machine can't reach the addresses of its containers"
        try:
            with state.lock(f"probe-{self.name}"):  # two at once would end each other's container
                return None if remembered_way(state, self.name) else self._find_way(state)
        except SandboxError as error:
            return error.message

    def prepare(self, state: State, release: str) -> None:
        """Build the tree, and import it into the engine."""
        tag = _image_tag(release)
        with state.lock(f"import-{self.name}-{release}"):
            if not self._exists(state, "image", tag):
                self._import(state, release, tag)

    def lock(self, state: State) -> AbstractContextManager[None]:
        """One lock for each engine of this sandbox."""
        return state.lock(f"engine-{self.name}")

    def place(self, state: State, wanted: IPv4Address | None) -> Place:
        """An address on a network of our own."""
        return Place(str(free_address(state, self._network(state, wanted), wanted)))

    def start(self, state: State, record: Record, keys: HostKeys) -> None:
        """Create the container with its seed, unless it is there, and start it."""
        container = _container(state, record)
        whole = state.host(record.name) / "created"  # written once the seed is in it, too
        if not (whole.exists() and self._exists(state, "container", container)):
            self._remove(state, record)
            self._create(state, record, keys, container)
            whole.touch()
        self._call(state, "start", container)

    def running(self, state: State, record: Record) -> bool:
        """As the engine says."""
        return is_running(remembered_way(state, self.name), self.name, _container(state, record))

    def stop(self, state: State, record: Record) -> None:
        """Kill it."""
        if self.running(state, record):
            self._call(state, "kill", _container(state, record))
            self._until_stopped(state, record, 10.0)

    def power_off(self, state: State, record: Record) -> None:
        """Send systemd its signal to halt, as set when the container was made."""
        self._call(state, "stop", "--time", "30", _container(state, record), timeout=45)
        self._until_stopped(state, record, 10.0)

    def clear(self, state: State, record: Record) -> None:
        """Remove the container, its packages kept."""
        container = _container(state, record)
        if self._exists(state, "container", container):
            self._keep_downloads(state, record, container)
        self._remove(state, record)

    def save(self, state: State, record: Record, layer: str) -> None:
        """Commit the container as an image."""
        container = _container(state, record)
        self._keep_downloads(state, record, container)
        self._call(state, "commit", container, _layer_tag(state, record.release, layer), timeout=300)
        self._remove(state, record)

    def has_layer(self, state: State, release: str, layer: str) -> bool:
        """Whether its image is there."""
        return self._exists(state, "image", _layer_tag(state, release, layer))

    def drop_layer(self, state: State, release: str, layer: str) -> None:
        """Remove its image."""
        if self.has_layer(state, release, layer):
            self._call(state, "rmi", "--force", _layer_tag(state, release, layer))

    def tidy(self, state: State) -> None:
        """Remove the network."""
        if self._exists(state, "network", _network_name(state)):
            self._call(state, "network", "rm", _network_name(state))
        (state.folder / f"network-{self.name}").unlink(missing_ok=True)

    def _remove(self, state: State, record: Record) -> None:
        (state.host(record.name) / "created").unlink(missing_ok=True)
        if self._exists(state, "container", _container(state, record)):
            self._call(state, "rm", "--force", "--volumes", _container(state, record))

    def _create(self, state: State, record: Record, keys: HostKeys, container: str) -> None:
        way = remembered_way(state, self.name)
        if way is None:
            raise SandboxError(f"{self.name} can't run systemd here any more: {self.refusal(state)}")
        tag = _layer_tag(state, record.release, record.layer) if record.layer else _image_tag(record.release)
        short = record.name.split(".")[0]
        options = ["--name", container, "--hostname", short, "--network", _network_name(state)]
        options += ["--ip", record.address, "--stop-signal", "SIGRTMIN+3"]  # systemd(1): halt
        if short != record.name:
            options += ["--add-host", f"{record.name}:{record.address}"]
        self._call(state, "create", *options, *way.container, tag, INIT, timeout=120)
        seed = state.host(record.name) / "seed"
        remove_tree(seed)
        seed.mkdir(mode=0o755)
        files = [f for f in seed_files(record, keys, machine_nameservers()) if f.path not in _ENGINES_OWN]
        write_seed(seed, files, state.cache(record.release))
        with _packed(seed) as stream:
            self._call(state, "cp", "-", f"{container}:/", stdin=stream, timeout=120)

    def _find_way(self, state: State) -> str | None:
        release = next(iter(built_images(state)), "bookworm")
        self.prepare(state, release)
        return find_way(state, self.name, _image_tag(release), f"{_network_name(state)}-probe")

    def _network(self, state: State, wanted: IPv4Address | None) -> IPv4Network:
        """The subnet of our network, which is made when it isn't there. Engines refuse one in use."""
        memory = state.folder / f"network-{self.name}"
        name = _network_name(state)
        if self._exists(state, "network", name) and memory.exists():
            return IPv4Network(memory.read_text().strip())
        last: SandboxError | None = None
        asked = (IPv4Network((int(wanted) & ~0xFF, 24)),) if wanted else CANDIDATES[128:160]
        dns = ["--disable-dns"] if self.name == "podman" else []  # needs a plugin that may not be there
        for subnet in asked:
            try:
                self._call(state, "network", "create", *dns, "--subnet", str(subnet), name)
            except SandboxError as error:
                last = error
                continue
            write_whole(memory, f"{subnet}\n".encode())
            return subnet
        raise SandboxError(
            f"{self.name} gives no network to sandbox hosts", evidence=last.evidence if last else ()
        )

    def _keep_downloads(self, state: State, record: Record, container: str) -> None:
        copied = state.host(record.name) / "downloads"
        remove_tree(copied)
        for folder in (ARCHIVES, LISTS):
            (copied / folder).mkdir(parents=True)
            self._call(state, "cp", f"{container}:/{folder}/.", str(copied / folder), timeout=120)
        keep_downloads(copied, state.cache(record.release))
        remove_tree(copied)

    def _until_stopped(self, state: State, record: Record, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while self.running(state, record):
            if time.monotonic() > limit:
                raise SandboxError(f"{record.name} can't be ended: {self.name} says that it runs")
            time.sleep(0.1)

    def _import(self, state: State, release: str, tag: str) -> None:
        if os.geteuid() != 0:
            with ensure_archive(state, release).open("rb") as archive:
                self._call(state, "import", "-", tag, stdin=archive.fileno(), timeout=300)
            return
        with _packed(ensure_image(state, release)) as stream:
            self._call(state, "import", "-", tag, stdin=stream, timeout=300)

    def _exists(self, state: State, kind: str, name: str) -> bool:
        try:
            self._call(state, kind, "inspect", name)
        except SandboxError:
            return False
        return True

    def _call(self, state: State, *argv: str, stdin: int | None = None, timeout: float = 60.0) -> str:
        way = remembered_way(state, self.name)
        return ask_engine(self.name, way.engine if way else [], *argv, stdin=stdin, timeout=timeout)


def _image_tag(release: str) -> str:
    return f"provision-sandbox:{release}-1"


def _layer_tag(state: State, release: str, layer: str) -> str:
    return f"{_network_name(state)}-layer:{release}-{layer}"


def _network_name(state: State) -> str:
    return "prov-" + hashlib.sha256(str(state.folder).encode()).hexdigest()[:8]


def _container(state: State, record: Record) -> str:
    return f"{_network_name(state)}-{record.name}"


@contextmanager
def _packed(tree: Path) -> Iterator[int]:
    """A file descriptor to read `tree` from, as tar."""
    argv = ["tar", "--create", "--numeric-owner", "--one-file-system", "--directory", str(tree), "."]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tar:
        if tar.stdout is None:
            raise SandboxError("tar could not be started")
        yield tar.stdout.fileno()
        tar.stdout.close()
