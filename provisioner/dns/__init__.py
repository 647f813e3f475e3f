"""The DNS records that an inventory's domains need: collected, written as text, compared, published."""

from __future__ import annotations
