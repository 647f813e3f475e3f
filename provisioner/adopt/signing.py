"""DKIM: who signs, with which selector and key for each domain (OpenDKIM's tables, Rspamd's dkim_signing)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.adopt.result import Fate, Note
from provisioner.adopt.seen import Seen

_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


@dataclass(frozen=True)
class Key:
    """A key that signs for a domain."""

    domain: str
    selector: str
    pem: str = field(repr=False)


@dataclass
class Signing:
    """What becomes of signing."""

    program: str = ""
    """`opendkim` or `rspamd`; empty where nothing signs."""
    selector: str = ""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    notes: list[Note] = field(default_factory=list)


def signing(seen: Seen, domains: Mapping[str, object]) -> Signing:
    """The keys for the mail domains, under the selector that most of them have."""
    program, keys = "", list[Key]()
    if "opendkim" in seen.packages and seen.text("/etc/opendkim.conf"):
        program, keys = "opendkim", list(_opendkim(seen))
    if "rspamd" in seen.packages:
        program, keys = "rspamd", [*keys, *_rspamd(seen, domains)]
    result = Signing(program)
    usable = [key for key in keys if "PRIVATE KEY" in key.pem and _SELECTOR.fullmatch(key.selector)]
    for key in keys:
        if key not in usable:
            result.notes.append(
                Note(
                    Fate.LOST,
                    f"DKIM key {key.selector} of {key.domain}",
                    "it could not be read",
                    f"provision secrets set dkim/{key.domain}/SELECTOR",
                )
            )
    counts = Counter(key.selector for key in usable if key.domain in domains)
    if not counts:
        return result
    result.selector = counts.most_common(1)[0][0]
    for key in sorted(usable, key=lambda one: one.selector != result.selector):
        _take(key, domains, result)
    return result


def _take(key: Key, domains: Mapping[str, object], result: Signing) -> None:
    name = f"dkim/{key.domain}/{result.selector}"
    if key.domain not in domains:
        result.notes.append(
            Note(
                Fate.LOST,
                f"signatures for {key.domain}",
                "it is no mail domain of this server",
                "Name it in mail_domains, with an alias, if its mail is to be signed.",
            )
        )
    elif name in result.secrets:
        return
    elif key.selector == result.selector:
        result.secrets[name] = key.pem
        result.notes.append(
            Note(
                Fate.KEPT,
                f"DKIM {key.selector}._domainkey.{key.domain}",
                "the same key signs on; its record stays as it is",
            )
        )
    else:
        result.secrets[name] = key.pem
        result.notes.append(
            Note(
                Fate.CHANGED,
                f"DKIM {key.selector}._domainkey.{key.domain}",
                f"the same key signs under the selector {result.selector}: all domains of a host share one",
                f"Before the first apply publish its record at {result.selector}._domainkey.{key.domain} "
                "(provision dns prints it).",
            )
        )


def _opendkim(seen: Seen) -> Iterator[Key]:
    conf = _words(seen.text("/etc/opendkim.conf"))
    if table := conf.get("keytable", ""):
        path = re.sub(r"^[a-z]+:(?=/)", "", table)
        for line in seen.text(path).splitlines():
            words = line.partition("#")[0].split(None, 1)
            parts = words[1].strip().split(":", 2) if len(words) == 2 else []
            if len(parts) == 3:
                domain = words[0] if parts[0] == "%" else parts[0]
                yield Key(domain.lower(), parts[1].lower(), seen.text(parts[2].strip()) or parts[2])
    elif conf.get("keyfile") and conf.get("domain") and conf.get("selector"):
        for domain in conf["domain"].replace(",", " ").split():
            yield Key(domain.lower(), conf["selector"].lower(), seen.text(conf["keyfile"]))


def _words(text: str) -> dict[str, str]:
    """`Name value` of opendkim.conf(5); names in any case."""
    rows = (line.partition("#")[0].split(None, 1) for line in text.splitlines())
    return {row[0].lower(): row[1].strip() for row in rows if len(row) == 2}


def _rspamd(seen: Seen, domains: Mapping[str, object]) -> Iterator[Key]:
    text = "\n".join(
        re.sub(r"(?m)#.*$", "", seen.text(f"/etc/rspamd/{folder}/dkim_signing.conf"))
        for folder in ("local.d", "override.d")
    )
    if not text.strip():
        return
    general = re.sub(r"(?s)\bdomain\s*\{.*", "", text)
    selector = _value(general, "selector") or "dkim"
    path = _value(general, "path") or "/var/lib/rspamd/dkim/$domain.$selector.key"
    own = dict(re.findall(r'"?([a-z0-9.-]+\.[a-z0-9-]+)"?\s*\{([^{}]*)\}', text))
    for domain in domains:
        one = _value(own.get(domain, ""), "selector") or selector
        file = (
            (_value(own.get(domain, ""), "path") or path).replace("$domain", domain).replace("$selector", one)
        )
        if seen.text(file):
            yield Key(domain, one.lower(), seen.text(file))


def _value(text: str, name: str) -> str:
    """A setting in UCL: `name = "value";`."""
    match = re.search(rf'(?m)\b{name}\s*=\s*"?([^";\s]+)"?', text)
    return match[1] if match else ""
