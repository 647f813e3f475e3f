"""Making, resetting, saving and removing sandbox hosts, whichever driver runs them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

import paramiko

from provisioner.errors import InputError
from provisioner.sandbox import ladder
from provisioner.sandbox.driver import Driver
from provisioner.sandbox.image import remove_tree
from provisioner.sandbox.keys import HostKeys, make_keys
from provisioner.sandbox.login import ask, wait_for_login
from provisioner.sandbox.state import Record, SandboxError, State, check_name, check_release


@dataclass(frozen=True, slots=True)
class SandboxHost:
    """A disposable host, as callers see it."""

    name: str
    address: str
    port: int
    release: str
    driver: str
    key: Path
    known_hosts: str = field(repr=False)  # lines for a known_hosts file
    address6: str | None = None
    layer: str | None = None
    running: bool = True


def up(
    name: str,
    release: str | None = None,
    address: str | None = None,
    driver: str | None = None,
    layer: str | None = None,
) -> SandboxHost:
    """Boot `name`, or make sure that it runs; returns when root can log in (1 to 3 s once the image exists).

    `release` is bookworm (the default for a new host) or trixie; `driver` is chosen by trying when it
    isn't named; `layer` is what an earlier host saved (`save_layer`).
    Raises InputError when the host exists with another release, layer, driver or address,
    SandboxError when it can't be made to run.
    """
    check_name(name)
    if release is not None:
        check_release(release)
    wanted = _address(address)
    state = State.open()
    with state.lock(f"host-{name}"):
        record = state.record(name)
        if record is None:
            runner = ladder.choose(state, driver)
            record = _new_record(state, name, release or "bookworm", wanted, runner, layer)
        else:
            _check_same(record, release, wanted, driver, layer)
        keys = make_keys(state.host(name) / "keys", name)
        runner = ladder.named(record.driver)
        if runner.running(state, record):
            try:
                wait_for_login(record, keys, 10.0)
            except SandboxError:
                runner.stop(state, record)  # half dead: boot it again with what it wrote
            else:
                return _shown(state, record)
        else:
            runner.stop(state, record)  # a runtime that was killed leaves its end of the cable behind
        _boot(state, record, keys)
    return _shown(state, record)


def down(name: str) -> bool:
    """End the host and delete what it wrote; False when there was none. What it fetched is kept."""
    check_name(name)
    state = State.open()
    with state.lock(f"host-{name}"):
        existed = state.host(name).exists()
        record = state.record(name)
        if record is not None:
            runner = ladder.named(record.driver)
            runner.stop(state, record)
            runner.clear(state, record)
        remove_tree(state.host(name))  # without a record its making was cut short before anything started
    _tidy(state)
    return existed


def down_all() -> list[str]:
    """Take every host down, also those whose making was cut short; their names."""
    state = State.open()
    gone = down_several(sorted(path.name for path in state.folder.glob("hosts/*")))
    _tidy(state)
    return gone


def down_several(names: Sequence[str]) -> list[str]:
    """Take these hosts down; those that there were.

    Raises InputError, before anything is done, when one can't be a host's name; SandboxError when one
    can't be ended, after all the others were.
    """
    gone = []
    failed = []
    for name in dict.fromkeys(check_name(name) for name in names):
        try:
            if down(name):
                gone.append(name)
        except SandboxError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return gone


def reset(name: str) -> SandboxHost:
    """Throw away all that the host wrote and boot it again: same address, same keys, 1 to 3 s."""
    state = State.open()
    with state.lock(f"host-{check_name(name)}"):
        record = _existing(state, name)
        runner = ladder.named(record.driver)
        runner.stop(state, record)
        runner.clear(state, record)
        _boot(state, record, make_keys(state.host(name) / "keys", name))
    return _shown(state, record)


def save_layer(name: str, layer: str) -> SandboxHost:
    """Keep what the host wrote as `layer`, which later hosts of its release start from; it boots on.

    A layer of that name is replaced; hosts that run on the old one must be down. The host is shut
    down in order first, so that databases and queues are whole.
    """
    state = State.open()
    check_name(layer, "layer")
    with state.lock(f"host-{check_name(name)}"), state.lock("layers"):
        record = _existing(state, name)
        runner = ladder.named(record.driver)
        runner.power_off(state, record)
        runner.save(state, record, layer)
        record = replace(record, layer=layer)
        state.remember(record)
        _boot(state, record, make_keys(state.host(name) / "keys", name))
    return _shown(state, record)


def has_layer(release: str, layer: str, driver: str | None = None) -> bool:
    """Whether a host of `release` can start from `layer`, with the driver that `up` would choose."""
    state = State.open()
    runner = ladder.choose(state, driver)
    return runner.has_layer(state, check_release(release), check_name(layer, "layer"))


def drop_layer(release: str, layer: str, driver: str | None = None) -> None:
    """Forget a layer; no error when there is none."""
    state = State.open()
    runner = ladder.choose(state, driver)
    runner.drop_layer(state, check_release(release), check_name(layer, "layer"))


def execute(name: str, command: str, timeout: float = 60.0) -> tuple[int, str]:
    """Run a command as root on the host: its exit status, and what it printed (the first 64 kB).

    `timeout` is in seconds of silence. Raises SandboxError when the host doesn't answer.
    """
    state = State.open()
    record = _existing(state, check_name(name))
    try:
        return ask(record, HostKeys(state.host(name) / "keys"), command, timeout)
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise SandboxError(f"{name} doesn't answer", evidence=[str(error)]) from error


def list_hosts() -> list[SandboxHost]:
    """Every host that was made and not taken down, by name; `running` says whether it lives."""
    state = State.open()
    return [_shown(state, record) for record in state.records()]


def find_host(name: str) -> SandboxHost:
    """The host of that name. Raises InputError when there is none."""
    state = State.open()
    return _shown(state, _existing(state, check_name(name)))


def usable_driver() -> tuple[str | None, str | None]:
    """The driver that `up` would choose and None; or None and why there is none, in lines."""
    try:
        return ladder.choose(State.open(), None).name, None
    except SandboxError as error:
        return None, "\n".join([error.message, *error.evidence, error.hint])


def _new_record(
    state: State, name: str, release: str, wanted: IPv4Address | None, runner: Driver, layer: str | None
) -> Record:
    if layer is not None and not runner.has_layer(state, release, layer):
        raise InputError(f"there is no layer {layer} of {release} for {runner.name}")
    runner.prepare(state, release)
    with runner.lock(state):
        _shared(state, runner).touch()
        place = runner.place(state, wanted)
        record = Record(name, place.address, release, runner.name, layer, place.port, place.address6)
        remove_tree(state.host(name))
        state.remember(record)
    return record


def _boot(state: State, record: Record, keys: HostKeys) -> None:
    runner = ladder.named(record.driver)
    runner.start(state, record, keys)
    try:
        wait_for_login(record, keys, runner.boot_seconds, lambda: runner.running(state, record))
    except SandboxError as error:
        console = state.host(record.name) / "console.log"
        tail = console.read_text(errors="replace").splitlines()[-8:] if console.exists() else []
        raise SandboxError(error.message, hint=error.hint, evidence=[*error.evidence, *tail]) from error
    if runner.image_kind == "mail":
        # Its mail services are still starting, slowly: whoever restarts them next shouldn't wait for that.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            ask(record, keys, "systemctl is-system-running --wait", timeout=runner.boot_seconds)


def _tidy(state: State) -> None:
    """Remove what only hosts need from drivers that have none left; also after a run that was killed."""
    for runner in ladder.DRIVERS:
        if _shared(state, runner).exists():
            with runner.lock(state):
                if not any(record.driver == runner.name for record in state.records()):
                    runner.tidy(state)
                    _shared(state, runner).unlink(missing_ok=True)


def _shared(state: State, runner: Driver) -> Path:
    """A file that is there while the driver may have made anything that its hosts share."""
    return state.folder / f"shared-{runner.name}"


def _existing(state: State, name: str) -> Record:
    record = state.record(name)
    if record is None:
        names = ", ".join(r.name for r in state.records()) or "none"
        raise InputError(f"there is no sandbox host {name}", hint=f"There is: {names}.")
    return record


def _check_same(
    record: Record, release: str | None, wanted: IPv4Address | None, driver: str | None, layer: str | None
) -> None:
    asked = {"release": release, "address": wanted and str(wanted), "driver": driver, "layer": layer}
    for what, value in asked.items():
        if value is not None and value != getattr(record, what):
            raise InputError(
                f"{record.name} exists already, with {what} {getattr(record, what) or 'none'}, not {value}",
                hint=f"provision sandbox down {record.name}",
            )


def _address(text: str | None) -> IPv4Address | None:
    if text is None:
        return None
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise InputError(f"{text!r} is no IPv4 address") from None
    if not address.is_private or address.is_loopback or address.is_link_local:
        raise InputError(f"{address} isn't of a private network", hint="Choose one in 10.0.0.0/8: RFC 1918.")
    return address


def _shown(state: State, record: Record) -> SandboxHost:
    keys = HostKeys(state.host(record.name) / "keys")
    known = ""
    if (keys.folder / "ssh_host_rsa_key.pub").exists():
        known = keys.known_hosts(record.address, record.port)
        known += keys.known_hosts(record.address6, record.port) if record.address6 else ""
    return SandboxHost(
        record.name,
        record.address,
        record.port,
        record.release,
        record.driver,
        keys.login,
        known,
        record.address6,
        record.layer,
        ladder.named(record.driver).running(state, record),
    )
