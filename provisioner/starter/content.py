"""The files of a new repository, as text; nothing is written here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, resources

FORGES: Mapping[str, str] = {
    "github": ".github/workflows/mail.yml",
    "gitlab": ".gitlab-ci.yml",
    "forgejo": ".forgejo/workflows/mail.yml",
}
"""Where each looks for its workflow."""

_PUBLIC = re.compile(r"git\+https://[\w.-]+(:\d+)?/[\w./~+-]+@[0-9a-f]{7,64}")
"""Without an account in it: what stands there gets into a file that others read."""

_MORE = {
    "gitlab": "| `GITLAB_TOKEN` | a project access token with the scope `api`, to answer merge requests |\n"
}


@dataclass(frozen=True, slots=True)
class Content:
    """A file to be there. `lines`: those of them that an existing file lacks are added to it."""

    path: str
    text: str
    lines: bool = False


def contents(forge: str = "", branch: str = "main", source: str | None = None) -> tuple[Content, ...]:
    """The files for a repository on `branch`; `forge` is one of `FORGES`, or `""` for no workflow.

    `source` is where CI installs this program from (default: where it was installed from here).
    """
    readme = _text("README.md")
    found = [
        Content("inventory.yml", _text("inventory.yml")),
        Content(".gitignore", _text("gitignore"), lines=True),
        Content(".gitattributes", _text("gitattributes"), lines=True),
    ]
    if forge:
        origin = installed_from() if source is None else source
        workflow = _text(f"ci/{forge}.yml").replace("@BRANCH@", branch).replace("@SOURCE@", origin)
        found.append(Content(FORGES[forge], workflow))
        more = _text("ci/README.md").replace("@WORKFLOW@", FORGES[forge]).replace("@BRANCH@", branch)
        readme += more.replace("@MORE@\n", _MORE.get(forge, ""))
    return (*found, Content("README.md", readme))


def installed_from() -> str:
    """What pip takes to install the same again, where that is a public git repository; else `""`.

    From the record that pip keeps of a direct installation (PEP 610).
    """
    try:
        record = metadata.distribution("provision").read_text("direct_url.json")
        url = json.loads(record or "{}")
        address, commit = str(url["url"]), str(url["vcs_info"]["commit_id"])
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return ""
    whole = f"git+{address}@{commit}"
    return whole if _PUBLIC.fullmatch(whole) else ""


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("data", *name.split("/")).read_text(encoding="utf-8")
