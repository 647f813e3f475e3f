"""Jinja2 in an inventory's values: evaluated as Ansible does, within bounds, without side effects."""

from __future__ import annotations
