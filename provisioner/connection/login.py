"""The step of a walk that logs in."""

from __future__ import annotations

import time

from provisioner.client_settings.presets import by_server
from provisioner.connection.result import Stage
from provisioner.connection.sasl import MECHANISMS
from provisioner.connection.speakers import Speaker
from provisioner.connection.walker import Walker
from provisioner.explain.result import Kind

_LOGIN_COMMANDS = ("COMMAND", "USER")
_SHOWING = ("PLAIN", "LOGIN", *_LOGIN_COMMANDS)


def login(walker: Walker) -> None:
    """Log in with the best mechanism that is offered, or with the one that was wished for."""
    talk = walker.talking()
    mechanism = _mechanism(walker, talk)
    begun = time.monotonic()
    user, password = walker.wish.user, walker.wish.password
    said = walker.asked(Stage.LOGIN, begun, lambda: talk.login(mechanism, user, password))
    if said.ok:
        walker.ok(Stage.LOGIN, f"{shown(mechanism)} as {user}", begun)
        return
    meaning = _refused_login(walker, said.text)
    other = _other_way(walker, talk, mechanism) if meaning.id == "login-wrong" else ""
    if not other:
        raise walker.fail(Stage.LOGIN, said.text, meaning, begun)
    again = walker.asked(Stage.LOGIN, begun, lambda: talk.login(other, user, password))
    if not again.ok:
        raise walker.fail(Stage.LOGIN, again.text, _refused_login(walker, again.text), begun)
    meaning = walker.kind("login-by-plain-only", name=mechanism)
    walker.warn(Stage.LOGIN, f"{shown(other)} as {user}, not {mechanism}: {said.text}", meaning, begun)


def _other_way(walker: Walker, talk: Speaker, mechanism: str) -> str:
    """A way that shows the password to a server that is known by its certificate; `""` where none is.

    A server may offer SCRAM and keep the password in a form that only PLAIN can be held against.
    """
    if walker.wish.mechanism or mechanism in _SHOWING or talk.wire.tls is None:
        return ""
    return next((name for name in _SHOWING if name in talk.mechanisms), "")


def _mechanism(walker: Walker, talk: Speaker) -> str:
    offered = talk.mechanisms
    usable = [name for name in MECHANISMS if name in offered] + [
        name for name in _LOGIN_COMMANDS if name in offered
    ]
    if walker.wish.mechanism:
        if walker.wish.mechanism in usable:
            return walker.wish.mechanism
        detail = f"{walker.wish.mechanism} is not among {', '.join(map(shown, offered)) or 'nothing'}"
        raise walker.fail(Stage.LOGIN, detail, walker.kind("login-mechanism", detail=detail))
    if usable:
        return usable[0]
    told = ", ".join(map(shown, offered))
    if offered:
        provider = by_server(walker.server_name)
        name = "login-oauth-only" if any("OAUTH" in one or "BEARER" in one for one in offered) else ""
        raise walker.fail(
            Stage.LOGIN,
            f"offers only {told}",
            walker.kind(name or "login-method", detail=told, provider=provider.note if provider else ""),
        )
    encrypted = talk.wire.tls is not None
    name = "login-not-offered" if encrypted or walker.target.port == 25 else "login-needs-tls"
    raise walker.fail(Stage.LOGIN, "no login is offered", walker.kind(name))


def _refused_login(walker: Walker, said: str) -> Kind:
    """A refusal at its word, made more exact by what is known of the provider and the login."""
    found = walker.meaning(said, "login")
    provider = by_server(walker.server_name)
    if provider is not None:
        made = f"It is made at {provider.app_password}." if provider.app_password else ""
        needed = {server.password for server in provider.servers}
        if found.id == "login-wrong" and "oauth" in needed:
            return walker.kind("login-oauth-only", provider=provider.note)
        if found.id in ("login-wrong", "login-app-password") and "app" in needed:
            return walker.kind("login-app-password", provider=made)
    if found.id == "login-wrong" and "@" not in walker.wish.user:
        return walker.kind("login-wants-address")
    return found


def shown(mechanism: str) -> str:
    """A mechanism's name for people."""
    return {"COMMAND": "LOGIN command"}.get(mechanism, mechanism)
