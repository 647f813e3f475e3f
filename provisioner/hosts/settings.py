"""What a connection needs to know: from the command line, the inventory and `~/.ssh/config`."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.hosts.ssh_config import SshConfig, load_config
from provisioner.hosts.ssh_lookup import SshValues
from provisioner.hosts.variables import Variables, parse_arguments
from provisioner.inventory.model import Host

AskPassword = Callable[[str], str | None]
"""Shows a prompt on the terminal and returns what was typed, or `None` where nobody can answer."""

ConfirmKey = Callable[[str], bool]
"""Shows a question about an unknown host key and returns whether to trust it."""


@dataclass(frozen=True)
class ConnectionOptions:
    """What the command line says about connections; the same for every host of a run."""

    timeout: float = 30.0
    """Seconds for each of: connecting, logging in, and silence where an answer is due."""
    ssh_key: Path | None = None
    known_hosts: Path | None = None
    """Instead of the file `known_hosts` beside the inventory."""
    trust_on_first_use: bool = False
    ask_password: AskPassword | None = None
    confirm_host_key: ConfirmKey | None = None
    ssh_config: Path | None = Path("~/.ssh/config")
    system_ssh_config: Path | None = Path("/etc/ssh/ssh_config")
    user_known_hosts: tuple[Path, ...] = (
        Path("~/.ssh/known_hosts"),
        Path("~/.ssh/known_hosts2"),
        Path("/etc/ssh/ssh_known_hosts"),
        Path("/etc/ssh/ssh_known_hosts2"),
    )
    agent: bool = True
    """Whether to ask the agent that `SSH_AUTH_SOCK` names."""


@dataclass(frozen=True)
class Become:
    """How to become root: sudo, with a password or without."""

    user: str = "root"
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything about the way to one host. Secrets are left out of its `repr`."""

    name: str
    """The host's name in the inventory."""
    address: str
    port: int
    user: str
    keys: tuple[Path, ...] = ()
    """Private key files to log in with, in order."""
    certificates: tuple[Path, ...] = ()
    identities_only: bool = False
    """Whether only `keys` may be offered, and not what else the agent holds."""
    password: str | None = field(default=None, repr=False)
    become: Become | None = None
    host_key_alias: str | None = None
    known_hosts: Path = Path("known_hosts")
    """Read first, and what a key trusted on first use is written to."""
    other_known_hosts: tuple[Path, ...] = ()
    trust_on_first_use: bool = False
    proxy_command: str | None = None
    jumps: tuple[Settings, ...] = ()
    """The hosts to go through, nearest to us first."""
    agent: str | None = "SSH_AUTH_SOCK"
    """The agent's socket: a path, or `SSH_AUTH_SOCK`; `None` asks no agent."""
    address_family: str = "any"
    """`any`, `inet` or `inet6`."""
    place: Location | None = field(default=None, compare=False)
    """Where the inventory names the address."""
    timeout: float = 30.0
    keepalive: float = 15.0
    """Seconds between keepalive messages; they also keep routers from forgetting the connection."""
    ask_password: AskPassword | None = field(default=None, repr=False, compare=False)
    confirm_host_key: ConfirmKey | None = field(default=None, repr=False, compare=False)

    @property
    def key_name(self) -> str:
        """The name that the host's key is on record under, as OpenSSH writes it."""
        name = self.host_key_alias or self.address
        return name if self.port == 22 or self.host_key_alias else f"[{name}]:{self.port}"

    def __str__(self) -> str:
        """`user@address:port`."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.user}@{address}:{self.port}"


def connection_settings(host: Host, options: ConnectionOptions, inventory_folder: Path) -> Settings:
    """The settings for `host`: the command line over `ansible_*` variables over `~/.ssh/config`.

    Raises `InputError` where a variable has no meaning for us; nothing is contacted.
    """
    variables = Variables(host)
    variables.check_connection_plugin()
    arguments = parse_arguments(variables)
    address = _unbracketed(variables.text("ansible_host", "ansible_ssh_host") or host.name)
    config = load_config(
        arguments.config or options.ssh_config, None if arguments.config else options.system_ssh_config
    )
    user = variables.text("ansible_user", "ansible_ssh_user")
    values = config.values(address, overrides=arguments.overrides, user=user)
    settings = _from_values(host.name, address, values, options, inventory_folder)
    port = variables.port("ansible_port", "ansible_ssh_port") or settings.port
    key = options.ssh_key or variables.path(inventory_folder, "ansible_ssh_private_key_file")
    settings = replace(
        settings,
        user=user or settings.user,
        port=port,
        password=variables.text("ansible_password", "ansible_ssh_pass", "ansible_ssh_password"),
        become=_become(variables, user or settings.user),
        place=host.origins.find(("ansible_host",)),
        trust_on_first_use=settings.trust_on_first_use or variables.skips_host_key_checking(),
    )
    if key is not None:
        settings = replace(settings, keys=(key.expanduser(),), identities_only=True)
    return replace(settings, jumps=_jumps(values.proxy_jump, settings, config, options, inventory_folder))


def _unbracketed(address: str) -> str:
    """An IPv6 address may stand in brackets, as in a URL."""
    return address[1:-1] if address.startswith("[") and address.endswith("]") else address


def _become(variables: Variables, user: str) -> Become | None:
    """How to become root after logging in as `user`; `None` where no one is to be become."""
    target = variables.text("ansible_become_user") or "root"
    if not variables.truth("ansible_become") or user == target:
        return None
    method = variables.text("ansible_become_method") or "sudo"
    if method.rpartition(".")[2] != "sudo":
        raise variables.error("ansible_become_method", f"ansible_become_method `{method}` is not supported",
                         "Use sudo, or log in as root.")  # fmt: skip
    password = variables.text("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")
    return Become(target, password)


def _from_values(
    name: str, address: str, values: SshValues, options: ConnectionOptions, folder: Path
) -> Settings:
    """What OpenSSH's configuration says about `address`, with our defaults for the rest."""
    others = values.user_known_hosts if values.user_known_hosts is not None else options.user_known_hosts
    return Settings(
        name=name,
        address=values.hostname or address,
        port=values.port or 22,
        user=values.user or getpass.getuser(),
        keys=values.identity_files,
        certificates=values.certificate_files,
        identities_only=values.identities_only,
        host_key_alias=values.host_key_alias,
        known_hosts=options.known_hosts or folder / "known_hosts",
        other_known_hosts=tuple(path.expanduser() for path in others),
        trust_on_first_use=options.trust_on_first_use or values.accepts_new_keys,
        proxy_command=values.proxy_command,
        agent=values.identity_agent if options.agent else None,
        address_family=values.address_family,
        timeout=options.timeout,
        ask_password=options.ask_password,
        confirm_host_key=options.confirm_host_key,
    )


def _jumps(
    proxy_jump: str | None,
    target: Settings,
    config: SshConfig,
    options: ConnectionOptions,
    folder: Path,
    followed: frozenset[str] = frozenset(),
) -> tuple[Settings, ...]:
    """The chain that `proxy_jump` (`[user@]host[:port],…`) names; each link has its own configuration.

    As with OpenSSH, only the first link's own ProxyJump counts; one that leads back to a host
    `followed` already (`Host *` with a ProxyJump names it for the jump host too) ends the chain.
    """
    if not proxy_jump or target.proxy_command:
        return ()
    chain: list[Settings] = []
    for index, link in enumerate(part.strip() for part in proxy_jump.split(",")):
        user, address, port = _split_jump(link, target.name)
        if address in followed:
            continue
        values = config.values(address, overrides={}, user=user)
        settings = _from_values(address, address, values, options, folder)
        settings = replace(settings, user=user or settings.user, port=port or settings.port)
        if not settings.keys and not values.identities_only and target.identities_only:
            settings = replace(settings, keys=target.keys, identities_only=True)
        if index == 0 and values.proxy_jump:
            chain.extend(_jumps(values.proxy_jump, settings, config, options, folder, followed | {address}))
        chain.append(settings)
    return tuple(chain)


def _split_jump(link: str, name: str) -> tuple[str | None, str, int | None]:
    """`[ssh://][user@]host[:port]` in its parts; IPv6 addresses stand in brackets."""
    rest = link.removeprefix("ssh://").rstrip("/")
    user, _, rest = rest.rpartition("@")
    port = ""
    if rest.startswith("["):
        address, _, tail = rest[1:].partition("]")
        port = tail.removeprefix(":")
    elif rest.count(":") == 1:
        address, _, port = rest.partition(":")
    else:
        address = rest
    if not address or (port and not port.isdigit()):
        raise InputError(f"`{link}` is no jump host for {name}", hint="Write it as user@host:port.")
    return user or None, address, int(port) if port else None
