"""Secrets kept encrypted beside the inventory, in git: age (https://age-encryption.org/v1) and Ansible Vault.

`secrets.yml` holds names in clear and each value encrypted on its own, so that a diff shows which
secret changed, and two people's changes merge. `secrets.key` (never in git) reads it.
"""

from __future__ import annotations

from provisioner.secrets.own_keys import own_public_keys
from provisioner.secrets.store import Secrets
from provisioner.secrets.view import SecretsView

__all__ = ["Secrets", "SecretsView", "own_public_keys"]
