"""What of main.cf stays: as variables of the role, as `postfix_parameters`, or not, with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import PurePosixPath

from provisioner.adopt import postfix_words as words
from provisioner.adopt.postfix_text import parameters, printed, references, split_braces
from provisioner.adopt.result import Fate, Note
from provisioner.adopt.seen import Seen
from provisioner.adopt.tables import AS_THEY_ARE, DATABASES, PLAIN, TableName, named
from provisioner.roles.folders import built_in_folder
from provisioner.roles.model import RELEASES
from provisioner.roles.names import read_names

_TAKEN_NAMES = frozenset(
    ["main.cf", "master.cf", "aliases", "domains", "mailboxes", "senders", "submission_headers"]
)
_PACKAGES = {
    "pcre": "postfix-pcre",
    "mysql": "postfix-mysql",
    "pgsql": "postfix-pgsql",
    "sqlite": "postfix-sqlite",
    "ldap": "postfix-ldap",
    "lmdb": "postfix-lmdb",
}


@dataclass
class PostfixSettings:
    """What becomes of Postfix's configuration."""

    parameters: dict[str, object] = field(default_factory=dict)
    variables: dict[str, object] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Tables in /etc/postfix, by name."""
    secret_files: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)


class Deciding:
    """One pass over the parameters that main.cf sets."""

    def __init__(self, seen: Seen, *, has_dovecot: bool) -> None:
        self.seen = seen
        self.has_dovecot = has_dovecot
        self.explicit = printed(seen.output("postconf-n")) or {
            n: v for n, v, _ in parameters(seen.text("/etc/postfix/main.cf"))
        }
        self.expanded = printed(seen.output("postconf-expanded"))
        self.values = {
            **printed(seen.output("postconf-default")),
            **self.explicit,
            **printed(seen.output("postconf-all")),
        }
        self.defaults = printed(seen.output("postconf-default"))
        self.result = PostfixSettings()
        folder = built_in_folder("roles") / "postfix" / "names"
        known = [set(read_names(folder / f"{release}.txt")) for release in RELEASES]
        self.known = set.intersection(*known)
        self.classes = split_braces(self.values.get("smtpd_restriction_classes", ""))

    def decide(self, patterns: list[str]) -> PostfixSettings:
        """Everything. `patterns` are tables of aliases that can't be listed."""
        self._sediments()
        self._outbound_tls()
        if self.explicit.get("inet_interfaces") in ("loopback-only", "localhost", "127.0.0.1"):
            self.result.variables["postfix_loopback_only"] = True
            self._note(Fate.KEPT, "inet_interfaces = loopback-only", "`postfix_loopback_only`")
        elif self.explicit.get("inet_interfaces", "all") != "all":
            self._keep("inet_interfaces", self.explicit["inet_interfaces"])
        for name, value in self.explicit.items():
            self._parameter(name, value)
        if patterns and self.has_dovecot:
            tables = [self._table(TableName(*pattern.split(":", 1))) for pattern in patterns]
            self._keep("virtual_alias_maps", ["texthash:/etc/postfix/aliases", *tables])
        return self.result

    def _note(self, fate: Fate, what: str, why: str = "", todo: str = "") -> None:
        self.result.notes.append(Note(fate, what[:400], why, todo))

    def _sediments(self) -> None:
        seen: dict[str, str] = {}
        for name, value, line in parameters(self.seen.text("/etc/postfix/main.cf")):
            if name in seen and seen[name] != value:
                self._note(
                    Fate.CHANGED,
                    f"{name} twice in main.cf",
                    f"line {line} holds, as Postfix takes the last one",
                )
            seen[name] = value
            if name in words.OF_OTHER_TIMES:
                self._note(
                    Fate.CHANGED, f"{name} = {value}", f"of another time: {words.OF_OTHER_TIMES[name]}"
                )
            elif not self._is_known(name):
                self._note(
                    Fate.CHANGED, f"{name} = {value}", "Postfix knows no such parameter: it had no effect"
                )

    def _is_known(self, name: str) -> bool:
        return (
            name in self.known
            or name in self.defaults
            or name in self.classes
            or any(re.fullmatch(pattern.replace("*", ".+"), name) for pattern in self.known if "*" in pattern)
            or any(name in references(value) for value in self.explicit.values())
        )

    def _outbound_tls(self) -> None:
        level = self.explicit.get("smtp_tls_security_level", "")
        if level in ("may", "encrypt", "dane"):
            self.result.variables["postfix_outbound_tls"] = level
            self._note(Fate.KEPT, f"smtp_tls_security_level = {level}", "`postfix_outbound_tls`")
        elif level and level != "none":
            self._keep("smtp_tls_security_level", level)

    def _parameter(self, name: str, value: str) -> None:
        local = not self.has_dovecot and name in words.LOCAL_DELIVERY
        if name in words.RESTRICTIONS:
            self._restrictions(name, value)
        elif name in words.OF_OTHER_TIMES or name in (
            "inet_interfaces",
            "smtp_tls_security_level",
            "smtpd_relay_restrictions",
        ):
            return
        elif self._is_own_way(name) and not local:
            if name == "smtpd_banner" and value not in words.DEBIAN_BANNERS:
                self._keep(name, value)
        elif (
            value == self.defaults.get(name)
            or (name == "mynetworks" and _loopback_only(value))
            or (name == "recipient_delimiter" and value == "+")
            or (name not in self.known and name not in self.classes and not self._is_known(name))
        ):
            return
        else:
            self._keep(name, self._value(name, value))

    def _is_own_way(self, name: str) -> bool:
        if name in words.KEPT_ALTHOUGH:
            return False
        return name in words.OWN_WAY or name.startswith(words.OWN_WAY_PREFIXES)

    def _keep(self, name: str, value: object) -> None:
        self.result.parameters[name] = typed(value)
        if name == "smtp_sasl_auth_enable" and value == "yes":
            self.result.packages.add("libsasl2-modules")  # PLAIN and LOGIN, to the smart host
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        self._note(Fate.OVERRIDE, f"{name} = {shown}", "`postfix_parameters`")

    def _value(self, name: str, value: str) -> str:
        """A value with its tables in the inventory's form; what it refers to and is not kept is filled in."""
        text = value
        if any(one not in self.known for one in references(value)):
            text = self.expanded.get(name, value)
        if name == "myorigin" and text.startswith("/"):
            text = self.seen.text(text).strip() or "$myhostname"
        tables, _ = named(self.expanded.get(name, text))
        for table in tables:
            for form in (f"proxy:{table.text}", table.text, *_unexpanded(table, text)):
                if form in text:
                    text = text.replace(form, self._table(table, name))
                    break
        return re.sub(r"\$\{?config_directory\}?", "/etc/postfix", text)

    def _table(self, table: TableName, parameter: str = "") -> str:
        """A table as the inventory has it: its text in `postfix_files`, read as it is."""
        if table.name not in self.seen.files or not table.name.startswith("/"):
            return table.text
        if table.kind not in (*PLAIN, *AS_THEY_ARE, *DATABASES):
            return table.text
        name = re.sub(r"[^A-Za-z0-9._-]", "-", PurePosixPath(table.name).name)
        if name in _TAKEN_NAMES or self.result.files.get(name, self.seen.text(table.name)) != self.seen.text(
            table.name
        ):
            name = f"own-{name}"
        self.result.files[name] = self.seen.text(table.name)
        if "password" in parameter or table.kind in DATABASES:
            self.result.secret_files.add(name)
        if table.kind in _PACKAGES and table.kind not in PLAIN:
            self.result.packages.add(_PACKAGES[table.kind])
        kind = "texthash" if table.kind in PLAIN else table.kind
        return f"{kind}:/etc/postfix/{name}"

    def _restrictions(self, name: str, value: str) -> None:
        """The role's own restrictions stay; what the server has beyond them comes after."""
        found = split_braces(self.expanded.get(name, value))
        more, trusted = list[str](), False
        at = 0
        while at < len(found):
            word = found[at]
            step = (
                2 if word in words.WITH_ARGUMENT or (word.startswith("check_") and at + 1 < len(found)) else 1
            )
            text = " ".join(found[at : at + step])
            trusted |= word == "permit_mynetworks"
            if word == "reject_maps_rbl":
                more += [f"reject_rbl_client {domain}" for domain in split_braces(self._old_lists())]
            elif "private/quota-status" in text or word in words.IN_THE_ROLE or word in ("reject", "defer"):
                pass
            else:
                more.append(self._restriction(text))
            at += step
        if not more:
            return
        own = [word for word in words_of_role(name) if self.has_dovecot or "quota-status" not in word]
        guard = ["permit_mynetworks"] if trusted and "permit_mynetworks" not in own else []
        # Addresses that don't exist are refused first; then nobody asks a list about our own hosts.
        self.result.parameters[name] = "\n".join([*own, *guard, *more])
        self._note(Fate.OVERRIDE, f"{name}: {', '.join(more)}", "`postfix_parameters`, after the role's own")

    def _old_lists(self) -> str:
        return next(
            (v for n, v, _ in parameters(self.seen.text("/etc/postfix/main.cf")) if n == "maps_rbl_domains"),
            "",
        )

    def _restriction(self, text: str) -> str:
        tables, _ = named(text)
        for table in tables:
            text = text.replace(f"proxy:{table.text}", table.text).replace(table.text, self._table(table))
        return text


def typed(value: object) -> object:
    """Numbers, `yes` and `no` as YAML has them."""
    if isinstance(value, str) and re.fullmatch(r"0|[1-9]\d{0,17}", value):
        return int(value)
    return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value


def words_of_role(name: str) -> tuple[str, ...]:
    """The role's own restrictions of one kind, as templates/postfix/main.cf.j2 has them."""
    text = (built_in_folder("templates") / "postfix" / "main.cf.j2").read_text(encoding="utf-8")
    block = re.search(rf"^{name} =\n((?:    .*\n|#.*\n|{{%.*\n)+)", text, re.MULTILINE)
    lines = block[1].splitlines() if block else []
    return tuple(
        line.strip() for line in lines if line.startswith("    ") and not line.strip().startswith("#")
    )


def _unexpanded(table: TableName, text: str) -> list[str]:
    """How a table may stand in main.cf before `$config_directory` and the like are filled in."""
    return [
        word for word in split_braces(text) if "$" in word and word.endswith(PurePosixPath(table.name).name)
    ]


def _loopback_only(value: str) -> bool:
    """Whether networks are this host's own alone (`[::ffff:127.0.0.0]/104` is loopback, mapped from IPv4)."""
    for word in split_braces(value):
        try:
            network = ip_network(re.sub(r"[\[\]]", "", word), strict=False)
        except ValueError:
            return False
        mapped = str(network.network_address).startswith("::ffff:7f00") or "127.0.0.0" in word
        if not (network.is_loopback or mapped):
            return False
    return True
