"""What `provision init` begins a repository with: the files in `data/`, and git around them."""

from __future__ import annotations

from provisioner.starter.content import FORGES, Content, contents
from provisioner.starter.repository import Started, start

__all__ = ["FORGES", "Content", "Started", "contents", "start"]
