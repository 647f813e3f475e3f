"""The step of a walk that logs in."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from provisioner.client_settings.presets import by_server
from provisioner.connection import token
from provisioner.connection.exchange import Said
from provisioner.connection.result import Stage
from provisioner.connection.sasl import MECHANISMS, TOKEN_MECHANISMS
from provisioner.connection.speakers import Speaker
from provisioner.connection.walker import Walker
from provisioner.explain.result import Kind

_LOGIN_COMMANDS = ("COMMAND", "USER")
_SHOWING = ("PLAIN", "LOGIN", *_LOGIN_COMMANDS)
_LOGIN_REFUSED = ("login-wrong", "login-app-password", "login-oauth-only", "unknown-refusal")
"""What a server's words for a wrong password mean where it was given a token."""


def login(walker: Walker) -> None:
    """Log in with the best mechanism that is offered, or with the one that was wished for."""
    talk = walker.talking()
    mechanism = _mechanism(walker, talk)
    begun = time.monotonic()
    user, password = walker.wish.user, walker.wish.password
    secret = walker.wish.token or password
    said = walker.asked(Stage.LOGIN, begun, lambda: talk.login(mechanism, user, secret))
    if said.ok:
        walker.ok(Stage.LOGIN, f"{shown(mechanism)} as {user}", begun)
        return
    if walker.wish.token:
        told = "\n".join(text for text in (said.text, said.challenge) if text)
        raise walker.fail(Stage.LOGIN, told, _refused_token(walker, said), begun)
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
    known = TOKEN_MECHANISMS if walker.wish.token else (*MECHANISMS, *_LOGIN_COMMANDS)
    usable = [name for name in known if name in offered]
    told = ", ".join(map(shown, offered))
    wanted = walker.wish.mechanism
    if wanted in usable or (usable and not wanted):
        return wanted or usable[0]
    if wanted or (walker.wish.token and offered):
        missed = f"{wanted} is not" if wanted else f"neither {' nor '.join(known)} is"
        detail = f"{missed} among {told or 'nothing'}"
        raise walker.fail(Stage.LOGIN, detail, walker.kind("login-mechanism", detail=detail))
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


def _refused_token(walker: Walker, said: Said) -> Kind:
    """A refusal of a token at its word, made more exact by its JSON and by the token's own claims."""
    found = walker.meaning(said.text, "login")
    if found.id not in _LOGIN_REFUSED:
        return found
    ended = token.expired(walker.wish.token, datetime.now(UTC))
    if ended is not None:
        return walker.kind("token-expired", detail=f"{ended:%d %b %Y %H:%M} UTC")
    reasons = token.reasons(said.challenge)
    status, scope = reasons.get("status", ""), reasons.get("scope", "")
    if status in token.FAULTS:
        return walker.kind("login-unavailable")
    if status in token.WRONG_SCOPE:
        return walker.kind("token-scope", detail=f"it asks for {scope}" if scope else "it does not say which")
    named = [f"{name} {reasons[name]}" for name in ("status", "scope") if name in reasons]
    return walker.kind("token-refused", detail=", ".join(named) or said.text)


def shown(mechanism: str) -> str:
    """A mechanism's name for people."""
    return {"COMMAND": "LOGIN command"}.get(mechanism, mechanism)
