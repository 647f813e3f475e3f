"""The secrets of one inventory: read when they are used, made when a role needs them, kept encrypted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import RLock

from provisioner.errors import InputError, Location
from provisioner.secrets import certificates, document, editing, faults, files, identities, kinds
from provisioner.secrets.view import SecretsView

FILE = "secrets.yml"
PASSWORD_SALT = "password-salt"  # noqa: S105  # a name
"""The secret that the salts of password hashes are made from (docs/adr/0005-password-salts.md)."""


class Secrets:
    """The secrets beside an inventory. Safe for use from several threads.

    Nothing is decrypted before it is asked for, and nothing is written before `save`.
    """

    def __init__(self, folder: Path, persist: bool, environ: Mapping[str, str]) -> None:
        """Use `Secrets.open`."""
        self.folder = folder
        self.persist = persist
        self._environ = environ
        self._lock = RLock()
        self._document = files.read(folder / FILE)
        self._identities: tuple[identities.Identity, ...] | None = None
        self._key_fits = False
        self._new_key = ""
        self._clear: dict[str, str] = {}
        self._pending: dict[str, str | None] = {}
        self._renewed: set[str] = set()
        self._handed_out: set[str] = set()
        self._recipients: dict[str, str] | None = None

    @classmethod
    def open(cls, folder: Path, persist: bool = False, environ: Mapping[str, str] | None = None) -> Secrets:
        """The secrets beside the inventory in `folder`.

        With `persist`, what is made is kept once `save` is called; without, it is gone afterwards.
        Raises `InputError` (or `Mistakes`) where `secrets.yml` is not what it should be.
        """
        return cls(folder, persist, os.environ if environ is None else environ)

    @property
    def path(self) -> Path:
        """Where `secrets.yml` is, or would be."""
        return self.folder / FILE

    @property
    def view(self) -> SecretsView:
        """For templates: reading by attribute or by `[name]`, nothing else."""
        return SecretsView(self)

    def names(self) -> tuple[str, ...]:
        """Every name, those made in this run included, sorted."""
        with self._lock:
            kept = set(self._document.entries) if self._document else set()
            gone = {name for name, text in self._pending.items() if text is None}
            return tuple(sorted((kept | set(self._pending)) - gone))

    def where(self, name: str) -> Location | None:
        """The line of `secrets.yml` that the secret is at."""
        entry = self._document.entries.get(name) if self._document else None
        return entry.where if entry else None

    def get(self, name: str) -> str:
        """The text of a secret.

        Raises `InputError` where no secret has this name, or none of the keys at hand reads it.
        """
        with self._lock:
            if (text := self._clear.get(name)) is None:
                text = self._clear[name] = self._read(name)
            self._handed_out.add(text)
            return text

    def make(self, name: str, kind: Mapping[str, object], now: datetime | None = None) -> str:
        """The text of a secret, which is made first where it isn't there (see `provisioner.secrets.kinds`).

        A certificate that ends soon, or is for other names, is renewed with its key kept.
        """
        with self._lock:
            word = kinds.check(name, kind)
            exists = name in self.names()
            if word not in kinds.CERTIFICATES:
                if not exists:
                    document.check_name(name)
                    self._put(name, kinds.make_simple(name, kind))
                return self.get(name)
            moment = now or certificates.now()
            issuer = self._authority(name, kind, moment) if word == "certificate" else ""
            before = self.get(name) if exists else ""
            if not exists or certificates.needs_renewal(before, name, kind, issuer, moment):
                document.check_name(name)
                self._put(name, certificates.make(name, kind, issuer, moment, before))
                if exists:
                    self._renewed.add(name)
            return self.get(name)

    def put(self, name: str, text: str | None) -> None:
        """Set a secret, or with `None` take it out; `save` keeps that."""
        document.check_name(name)
        with self._lock:
            if text is None:
                if name not in self.names():
                    self._read(name)  # raises, with the nearest name
                self._clear.pop(name, None)
                self._pending[name] = None
            else:
                self._put(name, text)

    def password_key(self) -> bytes:
        """What the salts of this inventory's password hashes come from; made once, like other secrets."""
        return bytes.fromhex(self.make(PASSWORD_SALT, {"kind": "token", "bytes": 32}))

    @property
    def generated(self) -> tuple[str, ...]:
        """The names made in this run (renewed ones included), sorted: what `save` would write."""
        with self._lock:
            return tuple(sorted(name for name, text in self._pending.items() if text is not None))

    @property
    def renewed(self) -> frozenset[str]:
        """Those of `generated` that replace a certificate that was running out."""
        return frozenset(self._renewed)

    @property
    def notice(self) -> str:
        """What a person has to know after `save`: that a key was made, and what to do with it; else `""`."""
        return files.key_notice(self.folder / identities.KEY_FILE) if self._new_key else ""

    def texts(self) -> frozenset[str]:
        """Every plain text handed out so far: what output must never show."""
        with self._lock:
            return frozenset(text for text in self._handed_out if text)

    def recipients(self) -> tuple[str, ...]:
        """The public keys that the secrets are encrypted for."""
        with self._lock:
            if self._recipients is not None:
                return tuple(self._recipients)
            if self._document is not None:
                return tuple(text for text, _ in self._document.recipients)
            return tuple(one.public for one in self._keys() if one.public)

    def rekey(self, recipients: Mapping[str, str]) -> None:
        """Encrypt everything for exactly these recipients (value: a comment) at the next `save`."""
        with self._lock:
            for text in recipients:
                identities.recipient(text)
            for name in self.names():
                self._pending[name] = self.get(name)
            self._recipients = dict(recipients)

    def start(self) -> None:
        """Have `save` write `secrets.yml`, and a key where there is none, even without a secret in it."""
        with self._lock:
            self._require_key()
            if self._document is None and self._recipients is None:
                self._recipients = dict.fromkeys(self.recipients(), "")

    def save(self) -> tuple[str, ...]:
        """Write what was made or changed; the names written. Without `persist` nothing is, ever.

        Another run's changes since `open` are kept; `InputError` where both changed the same secret.
        """
        with self._lock:
            if not self.persist or not (self._pending or self._recipients is not None):
                return ()
            with files.locked(self.folder):
                current = files.read(self.path)
                changes = self._mergeable(current)
                if self._new_key:
                    files.write_key(self.folder / identities.KEY_FILE, self._new_key)
                base = current or editing.new(str(self.path), dict.fromkeys(self.recipients(), ""))
                if self._recipients is not None:
                    base = editing.with_recipients(base, self._recipients)
                ciphers = {
                    name: None if text is None else identities.encrypt(text, base.recipients)
                    for name, text in changes.items()
                }
                self._document = editing.edited(base, ciphers)
                files.write(self.path, self._document.text)
            written = tuple(sorted(changes))
            self._pending, self._recipients = {}, None
            return written

    def _put(self, name: str, text: str) -> None:
        if self.persist:
            self._require_key()
        self._clear[name] = text
        self._pending[name] = text

    def _read(self, name: str) -> str:
        entry = self._document.entries.get(name) if self._document else None
        if entry is None or self._pending.get(name, "") is None:
            raise self._unknown(name)
        try:
            text = identities.decrypt(entry.cipher, self._keys())
        except ValueError as error:
            raise faults.damaged(name, entry.where, str(error)) from None
        if text is None:
            raise faults.no_key(self.path, entry.where)
        return text

    def _authority(self, name: str, kind: Mapping[str, object], now: datetime) -> str:
        authority = kind.get("ca")
        if not isinstance(authority, str) or authority == name:
            raise InputError(
                f"the certificate `{name}` names no authority", hint="ca: NAME of a secret is expected."
            )
        return self.get(authority) if authority in self.names() else self.make(authority, {"kind": "ca"}, now)

    def _keys(self) -> tuple[identities.Identity, ...]:
        if self._identities is None:
            self._identities = identities.find(self.folder, self._environ)
        return self._identities

    def _require_key(self) -> None:
        """Make sure that what is made can be read again; make a key only where nothing is there at all."""
        if self._key_fits:
            return
        keys = self._keys()
        if self._document is None:
            if not any(one.public for one in keys):
                if keys:
                    raise InputError(
                        f"{self.path} isn't there, and an SSH key alone can't start it",
                        hint="Run `provision secrets init`, then add the SSH key's public half: "
                        "`provision secrets rekey --add 'ssh-ed25519 …'`.",
                    )
                identity, self._new_key = identities.generate()
                self._identities = (identity,)
            return
        first = next(iter(self._document.entries.values()), None)
        if first is not None:
            reads = identities.decrypt(first.cipher, keys) is not None
        else:
            reads = bool({one.public for one in keys} & {*self.recipients(), ""})
        if not reads:
            raise faults.no_key(self.path, self._document.recipients_at.where)
        self._key_fits = True

    def _unknown(self, name: str) -> InputError:
        return faults.unknown(name, {known: self.where(known) for known in self.names()}, self.path)

    def _mergeable(self, current: document.Document | None) -> dict[str, str | None]:
        """The pending changes, unless another run changed one of these secrets since `open`."""
        now = current.entries if current else {}
        then = self._document.entries if self._document else {}
        for name in self._pending:
            before, after = then.get(name), now.get(name)
            if (before.cipher if before else "") != (after.cipher if after else ""):
                raise InputError(
                    f"the secret `{name}` was changed by another run at the same time",
                    where=after.where if after else None,
                    hint="Run the command again; it then takes the other run's value.",
                )
        return dict(self._pending)
