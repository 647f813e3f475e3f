"""The HTML report: one file, nothing loaded, nothing that a server said acts; looked at by a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from audit_making import BANNER, LOGIN, OPEN_RELAY, POLICY, RELAY, SPF, finding, judgement
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.audit.finding import Outcome
from provisioner.errors import NotTouched
from provisioner.report.audit_html import html_document

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
VOID = {"meta", "br", "circle", "rect"}
WHOLE = judgement(
    OPEN_RELAY,
    finding(
        LOGIN, subject="mx1.example.org:143", summary="offers PLAIN before TLS", evidence=("* OK hello",)
    ),
    finding(
        LOGIN, subject="mx2.example.org:143", summary="offers PLAIN before TLS", evidence=("* OK hello",)
    ),
    finding(POLICY, Outcome.WARN, "example.org", "has p=none"),
    finding(BANNER, evidence=("220 mx1 ESMTP Postfix 3.7",), place="/etc/postfix/main.cf:31"),
    finding(SPF, Outcome.PASS, "example.org", "has one SPF record"),
    finding(RELAY, Outcome.ERROR, "mx2.example.org:25", "could not be tested"),
    finding(RELAY, Outcome.SKIPPED, "mx3.example.org:25", "not asked: --intrusive runs it"),
    notes=("10.0.0.1 of mx2.example.org was not followed: a private or reserved address.",),
)
AWAY = judgement(target="gone.test", error=NotTouched("gone.test does not exist in DNS", hint="Misspelt?"))
SEVERAL = html_document([WHOLE, AWAY, judgement(finding(SPF, Outcome.PASS), target="fine.test")], 4.2, NOW)


class Page(HTMLParser):
    """What a browser would make of it: elements with their attributes, in balance, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = Page(SEVERAL)
    assert page.open == []
    names = {tag for tag, _ in page.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    for tag, attributes in page.elements:
        assert not {name for name in attributes if name.startswith("on") or name in ("src", "style")}, tag
        assert str(attributes.get("href") or "#").startswith("#")
    assert "url(" not in SEVERAL and "@import" not in SEVERAL


def test_the_policy_lets_only_our_own_style_apply() -> None:
    (policy,) = [a["content"] for _, a in Page(SEVERAL).elements if a.get("http-equiv")]
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_score_counts_topics_and_every_problem_are_there() -> None:
    text = Page(html_document([WHOLE], 4.2, NOW)).text
    for said in (
        "4 problems, the worst critical", "1 critical", "Receiving mail", "Sender authentication",
        "mx1.example.org:25 relays mail for strangers", "mynetworks = 127.0.0.0/8 [::1]/128",
        "/etc/postfix/main.cf:31", "mx2.example.org:25", "not asked: --intrusive runs it",
        "10.0.0.1 of mx2.example.org was not followed",
    ):  # fmt: skip
        assert said in text, said


def test_several_targets_begin_with_a_table_that_leads_to_each() -> None:
    page = Page(SEVERAL)
    links = [str(a["href"])[1:] for tag, a in page.elements if tag == "a"]
    assert links and set(links) <= {a.get("id") for _, a in page.elements}
    assert "gone.test does not exist in DNS" in page.text


@settings(max_examples=60)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=()), min_size=1)
    | st.sampled_from(["</style>", "{{ 7*7 }}"])
)
def test_whatever_a_server_says_stays_text(said: str) -> None:
    nasty = judgement(
        finding(
            BANNER, Outcome.FAIL, said, said or "x", evidence=(said,), place=said, fix=said, inventory=said
        ),
        finding(SPF, Outcome.PASS, said, said),
        target=said,
        notes=(said,),
    )
    plain = Page(html_document([judgement(finding(BANNER, place="x", evidence=("x",), inventory="x"),
                                          finding(SPF, Outcome.PASS), notes=("x",))], 1, NOW))  # fmt: skip
    text = html_document([nasty], 1, NOW)
    page = Page(text)

    assert page.open == []
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert all(character.isprintable() or character == "\n" for character in page.text)


def browse(folder: Path, page: str, *flags: str) -> str:
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    assert BROWSER is not None
    said = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={folder}/profile", *flags, file.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return said.stdout


def unlocked(page: str, script: str) -> str:
    """The page with a script of the test's own, which its policy would refuse."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    return page.replace("</body>", f"<script>{script}</script></body>")


def answer(dom: str) -> object:
    match = re.search(r"<title>ANSWER(.*?)</title>", dom, re.DOTALL)
    assert match, dom[:500]
    return json.loads(match[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@needs_browser
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_a_phone(tmp_path: Path, width: int) -> None:
    long = judgement(
        finding(BANNER, subject=f"{'x' * 60}.example.org:25", evidence=("y" * 300,)), OPEN_RELAY,
        target="a-domain-with-quite-a-long-name.of-some-department.example.org",
    )  # fmt: skip
    frame = (
        "document.currentScript.remove();"
        "addEventListener('load', () => { const f = document.createElement('iframe');"
        f"f.width = {width}; f.height = 900; f.style.border = 0;"
        "f.srcdoc = '<!doctype html>' + document.documentElement.innerHTML"
        "; document.body.replaceChildren(f);"
        "f.onload = () => { f.contentDocument.querySelectorAll('details').forEach(d => d.open = true);"
        "document.title = 'ANSWER' + f.contentDocument.documentElement.scrollWidth; }; });"
    )
    page = unlocked(html_document([long, WHOLE], 1, NOW), frame)

    width_used = answer(browse(tmp_path, page, "--virtual-time-budget=5000", "--dump-dom"))

    assert isinstance(width_used, int) and width_used <= width


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, scheme: str
) -> None:
    axe = axe_source(tmp_path_factory)
    run = (
        "document.querySelectorAll('details').forEach(d => d.open = true);"
        "axe.run(document, {resultTypes: ['violations']}).then(r => {"
        "const wrong = r.violations.map(v => [v.id, v.nodes.map(n => n.html)]);"
        "document.title = 'ANSWER' + JSON.stringify({passes: r.passes.length, violations: wrong}); });"
    )
    number = {"light": 1, "dark": 0}[scheme]
    page = unlocked(SEVERAL, axe + run)

    found = answer(browse(tmp_path, page, f"--blink-settings=preferredColorScheme={number}",
                          "--virtual-time-budget=20000", "--dump-dom"))  # fmt: skip

    assert isinstance(found, dict) and found["passes"] > 15
    assert found["violations"] == []


def axe_source(factory: pytest.TempPathFactory) -> str:
    """axe-core, from npm's registry into a folder that is thrown away."""
    folder = factory.getbasetemp() / "axe"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm on this machine to fetch axe-core with")
        folder.mkdir(exist_ok=True)
        install = [
            "install",
            "--prefix",
            str(folder),
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "axe-core@4",
        ]
        done = subprocess.run([npm, *install], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip(f"axe-core can't be fetched: {done.stderr.strip().splitlines()[-1:]}")
    return script.read_text(encoding="utf-8").replace("</script", "<\\/script")
