"""Inventories by hand, each for one thing that readers of inventories get wrong."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent


@dataclass(frozen=True)
class Case:
    """Files to write, and which of them (or the folder of them all) is the inventory."""

    name: str
    files: Mapping[str, str]
    source: str = "inventory.yml"
    folders: tuple[str, ...] = field(default=())

    def write(self, folder: Path) -> Path:
        """Write the files below `folder`; the path of the inventory."""
        for name in self.folders:
            (folder / name).mkdir(parents=True)
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return folder / self.source


def yaml(name: str, text: str, **files: str) -> Case:
    """A case of one YAML inventory; further files by path, `/` written as `__`."""
    beside = {path.replace("__", "/") + ".yml": body for path, body in files.items()}
    return Case(name, {"inventory.yml": text, **beside})


def values(name: str, text: str) -> Case:
    """A case of one host and its variables."""
    body = dedent(text).strip("\n").replace("\n", "\n    ")
    return Case(name, {"inventory.yml": f"all:\n  hosts:\n    mx1.example.org:\n  vars:\n    {body}\n"})


def ini(name: str, text: str, **files: str) -> Case:
    """A case of one INI inventory."""
    beside = {path.replace("__", "/") + ".yml": body for path, body in files.items()}
    return Case(name, {"hosts": text, **beside}, "hosts")


STRUCTURE = [
    yaml("one host", "all:\n  hosts:\n    mx1:\n"),
    yaml("a host as text", "all:\n  hosts: mx1\n"),
    yaml("a child as text", "all:\n  children: web\n  hosts: {mx1: }\nweb:\n  hosts: {w1: }\n"),
    yaml("groups at the top, without all", "web:\n  hosts: {w1: , w2: }\ndb:\n  hosts: {d1: }\n"),
    yaml(
        "children three deep",
        """
        all:
          children:
            mail:
              children:
                inbound:
                  children: {edge: {hosts: {mx1: , mx2: }}}
                outbound: {hosts: {out1: }}
              vars: {a: mail}
            other: {hosts: {o1: {}}}
          vars: {a: all, b: all}
        """,
    ),
    yaml("an empty group stays out", "all:\n  children:\n    empty:\n    full: {hosts: {a: }}\n"),
    yaml("a group that is only named", "a: {hosts: {h1: }, children: {b: }}\nb: {hosts: {h2: }}\n"),
    yaml("one host in two groups", "a: {hosts: {h: {x: 1}}}\nb: {hosts: {h: {y: 2}}}\n"),
    yaml("a host in two groups, the later value wins", "a: {hosts: {h: {x: 1}}}\nb: {hosts: {h: {x: 2}}}\n"),
    yaml("ungrouped by name", "ungrouped: {hosts: {h: {x: 1}}, vars: {y: 2}}\nother: {hosts: {o: }}\n"),
    yaml("ungrouped and elsewhere", "ungrouped: {hosts: {h: }, vars: {y: 2}}\na: {hosts: {h: }}\n"),
    yaml("a host of all is ungrouped", "all:\n  hosts: {h: , g: }\n  children: {web: {hosts: {g: }}}\n"),
    yaml(
        "a diamond of groups",
        "a: {children: {b: , c: }}\nb: {children: {d: }}\nc: {children: {d: }}\nd: {hosts: {h: }}\n",
    ),
    yaml(
        "the longest way down counts as depth",
        """
        all:
          children:
            top: {children: {middle: {children: {deep: {hosts: {h: }, vars: {x: deep}}}}}}
            zz: {hosts: {h: }, vars: {x: zz}}
            deep: {}
        """,
    ),
    yaml("a host named as a group", "web: {hosts: {web: {x: 1}, w2: {y: 2}}}\n"),
    yaml("ranges with leading zeros", "all:\n  hosts:\n    mx[01:03].example.org: {a: 1}\n"),
    yaml("ranges with a step", "all:\n  hosts:\n    mx[1:9:3]: {a: 1}\n"),
    yaml("ranges of letters", "all:\n  hosts:\n    mx-[a:c]: {a: 1}\n"),
    yaml("two ranges in one name", "all:\n  hosts:\n    r[1:2]-mx[08:10]: {a: 1}\n"),
    yaml("a range without a start", "all:\n  hosts:\n    'mx[:2]': {a: 1}\n"),
    yaml("a port in the name", "all:\n  hosts:\n    mx1:2222: {}\n    mx2:2223: {ansible_port: 24}\n"),
    yaml("a port in the name counts only first", "a: {hosts: {mx1: }}\nb: {hosts: {'mx1:2222': }}\n"),
    yaml(
        "addresses as names",
        "all:\n  hosts:\n    192.0.2.1:\n    '2001:db8::1':\n    '[2001:db8::2]:2222':\n",
    ),
    yaml("a range in an address", "all:\n  hosts:\n    192.0.2.[1:3]:\n"),
    yaml("names with signs", "all:\n  hosts: {a-b_c.d: , 'x y': , 'a:b:c': }\n"),
    yaml("a group with a dash", "my-group: {hosts: {a: }, vars: {x: 1}}\n"),
    yaml("null sections", "all:\n  hosts:\n  children:\n  vars:\nweb:\n  hosts: {a: null}\n"),
    yaml("JSON as a YAML inventory", '{"all": {"hosts": {"a": {"x": 1.5, "y": 1e3}}}}'),
    Case("an inventory without suffix", {"hosts": "all:\n  hosts:\n    a: {x: 1}\n"}, "hosts"),
]

PRECEDENCE = [
    yaml(
        "group_vars/all beats a child's inline vars",
        "all:\n  children:\n    web: {hosts: {a: }, vars: {x: inline-web}}\n  vars: {x: inline-all}\n",
        group_vars__all="x: file-all\n",
    ),
    yaml(
        "every level",
        """
        all:
          vars: {v1: all, v2: all, v3: all, v4: all, v5: all, v6: all}
          children:
            web:
              vars: {v2: web, v3: web, v4: web, v5: web, v6: web}
              hosts: {a: {v5: inline, v6: inline}}
        """,
        group_vars__all="{v3: file-all, v4: file-all, v5: file-all, v6: file-all}\n",
        group_vars__web="{v4: file-web, v5: file-web, v6: file-web}\n",
        host_vars__a="v6: host_vars\n",
    ),
    yaml(
        "groups of one depth sort by name",
        "bb: {hosts: {h: }, vars: {x: bb}}\naa: {hosts: {h: }, vars: {x: aa}}\ncc: {hosts: {h: }, vars: {x: cc}}\n",
    ),
    yaml(
        "priority beats the name",
        "bb: {hosts: {h: }, vars: {x: bb}}\naa: {hosts: {h: }, vars: {x: aa, ansible_group_priority: 10}}\n",
    ),
    yaml(
        "a priority in a file is a variable",
        "bb: {hosts: {h: }, vars: {x: bb}}\naa: {hosts: {h: }, vars: {x: aa}}\n",
        group_vars__aa="ansible_group_priority: 10\n",
    ),
    yaml(
        "a priority as text",
        "b: {hosts: {h: }, vars: {x: b}}\na: {hosts: {h: }, vars: {x: a, ansible_group_priority: '5'}}\n",
    ),
    yaml("mappings replace", "all:\n  hosts: {h: {d: {b: 2}}}\n  vars: {d: {a: 1}}\n"),
    yaml(
        "mappings replace between files",
        "all:\n  hosts: {h: }\n",
        group_vars__all__1="d: {a: 1}\n",
        group_vars__all__2="d: {b: 2}\n",
    ),
    Case(
        "a folder hides the file beside it",
        {
            "inventory.yml": "all: {hosts: {h: }}\n",
            "group_vars/all/x.yml": "a: folder\n",
            "group_vars/all.yml": "a: file\nb: file\n",
        },
    ),
    Case(
        "yml hides yaml hides json",
        {
            "inventory.yml": "web: {hosts: {h: }}\ndb: {hosts: {h: }}\n",
            "group_vars/web.yml": "a: yml\n",
            "group_vars/web.yaml": "a: yaml\nb: yaml\n",
            "group_vars/db.yaml": "c: yaml\n",
            "group_vars/db.json": '{"c": "json", "d": "json"}',
        },
    ),
    Case(
        "a file without suffix hides all",
        {"inventory.yml": "all: {hosts: {h: }}\n", "host_vars/h": "a: bare\n", "host_vars/h.yml": "a: yml\n"},
    ),
    Case(
        "what a variables folder skips",
        {
            "inventory.yml": "all: {hosts: {h: }}\n",
            "group_vars/all/10.yml": "a: 1\n",
            "group_vars/all/.hidden.yml": "b: 1\n",
            "group_vars/all/old.yml~": "c: 1\n",
            "group_vars/all/note.txt": "d: 1\n",
            "group_vars/all/bare": "e: 1\n",
            "group_vars/all/sub/x.yaml": "f: 1\n",
            "group_vars/all/sub.d/x.yml": "g: 1\n",
            "group_vars/all/20.json": '{"h": 1e3, "a": 2}',
        },
    ),
    Case(
        "an empty folder hides the file",
        {"inventory.yml": "all: {hosts: {h: }}\n", "group_vars/all.yml": "a: 1\n"},
        folders=("group_vars/all",),
    ),
    Case(
        "empty variable files",
        {
            "inventory.yml": "all: {hosts: {h: }}\n",
            "group_vars/all.yml": "---\n",
            "host_vars/h.yml": "# nothing\n",
        },
    ),
    yaml(
        "group_vars of ungrouped",
        "all: {hosts: {h: }}\nweb: {hosts: {w: }}\n",
        group_vars__ungrouped="x: 1\n",
    ),
    yaml("group_vars of no group", "all: {hosts: {h: }}\n", group_vars__nobody="x: 1\n"),
    yaml(
        "host_vars over inline, with a port in the name",
        "all: {hosts: {'h:2222': {a: 1}}}\n",
        host_vars__h="ansible_port: 24\n",
    ),
    yaml(
        "magic names that somebody wrote",
        "all: {hosts: {h: {inventory_hostname: x, group_names: y}}, vars: {z: '{{ inventory_hostname }}'}}\n",
    ),
]

FOLDERS = [
    Case(
        "a folder of inventories",
        {
            "inv/10-web.yml": "web: {hosts: {a: {x: 1}, b: }, vars: {g: 1}}\n",
            "inv/20-db": "[db]\nc y=2\na x=3\n[db:vars]\ng=2\n",
            "inv/group_vars/web.yml": "w: 1\n",
            "inv/host_vars/c.yml": "z: 1\n",
        },
        "inv",
    ),
    Case(
        "subfolders are inventories, their group_vars are not",
        {
            "inv/sub/hosts.yml": "web: {hosts: {a: }}\n",
            "inv/sub/group_vars/web.yml": "x: 1\n",
            "inv/group_vars/web.yml": "y: 1\n",
        },
        "inv",
    ),
    Case(
        "what a folder ignores",
        {
            "inv/a.yml": "web: {hosts: {a: }}\n",
            "inv/b.yml.bak": "junk: [",
            "inv/.c.yml": "junk: [",
            "inv/d.cfg": "[x]",
            "inv/e~": "q",
        },
        "inv",
    ),
    Case(
        "an ini file in a folder",
        {"inv/a.ini": "[web]\na x=1\n", "inv/b.yml": "web: {hosts: {b: }}\n"},
        "inv",
    ),
]

INI = [
    ini("hosts alone", "a\nb\n"),
    ini("groups", "alone\n[web]\na\nb\n[db]\na\n"),
    ini(
        "children and vars",
        "[web]\na\n[db]\nb\n[prod:children]\nweb\ndb\n[prod:vars]\nx=1\n[web:vars]\nx = 2\n",
    ),
    ini(
        "children named before they are declared",
        "[prod:children]\nweb\n[web]\na\n[web:children]\ndb\n[db]\nb\n",
    ),
    ini(
        "literals",
        "[web]\na i=5 f=1.5 t=True n=None s='5' z=0644 l=\"[1, 'two']\" d='{\"k\": 1}' w=word e=\n",
    ),
    ini(
        "literals in vars",
        "[web]\na\n[web:vars]\ni = 5\ns = '5'\nq = \"x\"\nl = [1, 2]\nt = (1, 2)\nd = {'a': {'b': 1}}\nb = true\nz = 0x1F\nu = 1_000\nc = 3j\n",
    ),
    ini(
        "comments",
        "# x\n; y\n[web] # a section\na x=1 # a comment\nb\n[web:vars]\nv=1 # kept?\nw=text # kept\n",
    ),
    ini("quotes", "[web]\na x='two words' y=\"it's\" z=a\\ b p='a=b'\n"),
    ini("ports and ranges", "[web]\nw[1:2]:2222 x=1\nw3:22\n"),
    ini("templates", '[web]\na x=5 y=\'{{ x }}\' z="{{ x + 1 }}"\n[web:vars]\nv={{ x * 2 }}\nw="{{ x }}"\n'),
    ini("spaces", "  [web]\n   a    x=1\n\n\t b\n"),
    ini(
        "ansible names",
        "mail ansible_host=192.0.2.5 ansible_ssh_common_args='-J jump@192.0.2.1' ansible_become=yes\n",
    ),
    ini("a vars section first", "[web:vars]\nx=1\n[web]\na\n"),
    ini("one section twice", "[web]\na x=1\n[db]\nb\n[web]\nc\na y=2\n"),
    ini("with group_vars", "[web]\na\n[db]\nb\n", group_vars__web="x: 1\n", host_vars__b="y: 2\n"),
    ini("equals signs", "[web]\na x=a=b\n[web:vars]\ny = a = b\nz==5\n"),
    ini("a group with odd signs", "[a-b.c]\nh\n[top:children]\na-b.c\n"),
    ini("unicode", "[web]\na name=Müller\n[web:vars]\nx=日本\n"),
]

TYPES = [
    values("YAML 1.1 booleans", "a: yes\nb: off\nc: true\nd: y\ne: 'yes'\nf: No"),
    values(
        "YAML 1.1 numbers",
        "a: 0644\nb: 1.10\nc: 1e3\nd: 089\ne: 0x1F\nf: 1_000\ng: 22:22\nh: 52:54:00:12:34:56\ni: .5\nj: -0\nk: +1\nl: 0b11\nm: 1.e+3\nn: 190:20:30.15",
    ),
    values("null in all its forms", "a:\nb: ~\nc: null\nd: Null\ne: ''"),
    values("dates", "a: 2026-01-02\nb: 2026-1-2\nc: 2026-01-02 03:04:05\nd: '2026-01-02'"),
    values(
        "texts of several lines",
        "a: |\n  one\n  two\nb: >\n  one\n  two\nc: |-\n  one\nd: \"a\\tb\"\ne: 'it''s'",
    ),
    values("nested", "a: {b: [1, {c: [x, y]}], 5: int-key}\nd: [[1], [2, [3]]]"),
    values(
        "anchors and merges",
        "base: &b {x: 1, y: 2}\nd: {<<: *b, y: 3}\ne: *b\nf: {<<: [{x: 9}, *b]}\ng: {y: 5, <<: *b}",
    ),
    values("unicode", "a: Müller\nb: 日本\nc: \"\\u00e9\"\nd: '😀'"),
    values("a set", "a: !!set {x}\nb: !!str 5\nc: !!int '7'\nd: !!float '1'"),
    values(
        "unsafe",
        "a: !unsafe '{{ b }}'\nb: 5\nc: '{{ a }}'\nd: !unsafe {x: '{{ b }}', y: [1, '{% z %}']}\ne: !unsafe 5",
    ),
]

TEMPLATES = [
    values(
        "simple",
        "x: 5\ny: '{{ x }}'\nz: '{{ x }}'\na: 'n{{ x }}'\nb: '{{ x }}{{ x }}'\nc: '{{ x * 2 }}'\nd: '{{ [x, x] }}'",
    ),
    values(
        "types stay",
        "t: true\nf: 1.5\nl: [1]\nd: {a: 1}\nn:\na: '{{ t }}'\nb: '{{ f }}'\nc: '{{ l }}'\ne: '{{ d }}'\ng: '{{ n }}'\nh: 'is {{ t }} {{ l }} {{ d }} {{ n }}'",
    ),
    values(
        "text stays text",
        "a: '{{ \"5\" }}'\nb: \"{{ '[1, 2]' }}\"\nc: '{{ \"true\" }}'\nd: ' {{ 5 }}'\ne: '{{ 5 }} '",
    ),
    values(
        "statements",
        "a: '{% set x=5 %}{{ x*2 }}'\nb: '{% if true %}42{% endif %}'\nc: '{% if false %}42{% endif %}'\nd: '{% for i in [1,2] %}{{ i }},{% endfor %}'\ne: '{% for i in [1] %}{{ i }}{% endfor %}'\nf: '{# nothing #}'\ng: '{% raw %}{{ x }}{% endraw %}'",
    ),
    values(
        "backslashes",
        "a: \"{{ 'C:\\\\temp' }}\"\nb: '{{ \"a\\tb\" }}'\nc: \"{{ 'a.b' | regex_replace('\\\\.', '-') }}\"\nd: '{% set x = \"a\\tb\" %}{{ x }}'",
    ),
    values(
        "newlines",
        "a: |\n  {{ 1 }}\nb: |\n  x\n  {% if true %}\n  y\n  {% endif %}\n  z\nc: |+\n  {{ 'x' }}\n\n",
    ),
    values(
        "undefined and default",
        "a: '{{ nope | default(5) }}'\nb: '{{ nope.x.y | default(\"z\") }}'\nc: '{{ (nope | default({})).x | default(1) }}'\nd: '{{ empty | default(3, true) }}'\ne: '{{ nope is defined }}'\nf: '{{ x is undefined }}'\nempty: ''\nx: 1",
    ),
    values(
        "undefined through another",
        "a: '{{ nope }}'\nb: '{{ a | default(\"d\") }}'\nc: 'x{{ nope }}'\nd: '{{ c | default(\"d\") }}'\ne: '{{ nope | upper }}'\nf: '{{ e | default(\"d\") }}'\ng: '{{ a is defined }}'",
    ),
    values(
        "errors",
        "a: '{{ nope }}'\nb: '{{ 1 / 0 }}'\nc: '{{ b | default(1) }}'\nd: '{{ x'\ne: '{{ 5 | nofilter }}'\nf: '{{ nope + 1 }}'\ng: [1, '{{ nope }}']\nh: '{{ \"x\" | int + \"y\" }}'",
    ),
    values("recursion", "a: '{{ b }}'\nb: '{{ a }}'\nc: '{{ c }}'\nd: '{{ 1 if true else a }}'"),
    values(
        "a mapping that looks at itself",
        "d: {a: 1, b: '{{ d.a + 1 }}', c: '{{ d.b + 1 }}'}\ne: [1, '{{ e[0] + 1 }}']\nf: {k: '{{ f.missing | default(\"x\") }}'}",
    ),
    values(
        "parts of a mapping with a broken part",
        "d: {a: 1, bad: '{{ nope }}'}\nx: '{{ d.a }}'\ny: '{{ e.a }}'\ne: '{{ d }}'",
    ),
    values("keys are not templated", "k: x\nd: {'{{ k }}': '{{ k }}'}"),
    values(
        "magic",
        "a: '{{ inventory_hostname }}'\nb: '{{ inventory_hostname_short }}'\nc: '{{ group_names }}'\nd: '{{ groups.all }}'\ne: \"{{ groups['ungrouped'] | length }}\"",
    ),
    values(
        "chains",
        "a: '{{ b }}'\nb: '{{ c }}'\nc: '{{ d }}'\nd: [1, {x: '{{ e }}'}]\ne: end\nf: '{{ a[1].x }}'",
    ),
    values(
        "items and attributes",
        "d: {items: 1, a: {b: [10, 20]}, 'x-y': 3, 5: five}\na: \"{{ d['items'] }}\"\nb: '{{ d.a.b[1] }}'\nc: \"{{ d['x-y'] }}\"\ne: '{{ d[5] }}'\nf: '{{ d.a.b[-1] }}'\ng: '{{ d.keys() | list }}'\nh: '{{ d.a.b.0 }}'",
    ),
    values("results are not templates again", "a: \"{{ '{{' ~ ' b }}' }}\"\nb: 5\nc: '{{ a }}'"),
    values(
        "omit",
        "a: [1, '{{ omit }}', 2]\nb: {x: '{{ omit }}', y: 1}\nc: '{{ nope | default(omit) }}'\nd: \"{{ [1, nope | default(omit)] }}\"",
    ),
    values(
        "operators",
        "a: '{{ 7 // 2 }}'\nb: '{{ 7 / 2 }}'\nc: '{{ 2 ** 10 }}'\nd: '{{ 7 % 3 }}'\ne: '{{ \"a\" ~ 1 ~ none }}'\nf: '{{ 1 if x else 2 }}'\ng: '{{ 1 in [1,2] }}'\nh: '{{ not x }}'\ni: '{{ [1] + [2] }}'\nj: '{{ \"a\" * 3 }}'\nk: '{{ 1 < 2 and 2 < 3 }}'\nx: false\nl: '{{ \"%s-%d\" | format(\"a\", 5) }}'\nm: \"{{ 'a-%s' % 'b' }}\"\nn: '{{ (1, 2) }}'\no: '{{ {\"a\": x} }}'\np: '{{ x or \"y\" }}'\nq: '{{ 1.0 }}'\nr: '{{ 10 | string }}'",
    ),
    values(
        "macros, loops and namespaces",
        "a: '{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m(2) }}'\nb: '{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}'\nc: '{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}'\nd: {a: 1, b: '{{ 1 + 1 }}'}\ne: '{% for x in [1,2,3] if x > 1 %}{{ loop.index }}:{{ x }} {% else %}none{% endfor %}'",
    ),
    values("inline if without else", "a: '{{ 1 if false }}'\nb: '{{ (1 if false) | default(2) }}'"),
    values(
        "methods",
        'a: \'{{ "a,b".split(",") }}\'\nb: \'{{ "abc".upper() }}\'\nc: \'{{ "{} {}".format(1, 2) }}\'\nk: \'{{ "-".join(["a", "b"]) }}\'\ne: \'{{ " x ".strip() }}\'\nf: "{{ \'abc\'[1:] }}"\ng: \'{{ "a".startswith("a") }}\'\nl: [\'{{ 1 }}\', x]\nh: \'{{ ",".join(l | map("string")) }}\'\ni: \'{{ d.get("a") }}\'\nd: {a: \'{{ 5 }}\'}\nj: \'{{ d.copy() }}\'',
    ),
    yaml(
        "hostvars and groups",
        """
        all:
          vars: {base: 5}
          hosts:
            a: {x: '{{ base }}', y: "{{ hostvars['b'].x }}", z: "{{ groups['all'] | map('extract', hostvars, 'x') | list }}"}
            b: {x: '{{ base + 1 }}', y: "{{ hostvars.a.x }}", w: "{{ hostvars['nobody'] is defined }}"}
        """,
    ),
    yaml(
        "vars by name",
        "all: {hosts: {h: {x: 5, z: \"{{ lookup('vars', 'x') }}\", w: \"{{ lookup('vars', 'nope', default=3) }}\", q: \"{{ query('vars', 'x') }}\"}}}\n",
    ),
    values("the #jinja2 header", 'a: "#jinja2: trim_blocks: False\\n{% if true %}\\nx\\n{% endif %}\\n"'),
]

FILTERS = [
    values(
        "bool",
        "a: '{{ \"yes\" | bool }}'\nb: '{{ \"no\" | bool }}'\nc: '{{ 1 | bool }}'\nd: '{{ \"On\" | bool }}'\ne: '{{ true | bool }}'\nf: '{{ \"maybe\" | bool }}'\ng: '{{ 5 | bool }}'\nh: '{{ none | bool }}'\ni: '{{ 1.0 | bool }}'",
    ),
    values(
        "combine",
        "x: {a: 1, n: {p: 1, q: 2}, l: [1]}\ny: {b: 2, n: {q: 3}, l: [2, 1]}\na: '{{ x | combine(y) }}'\nb: '{{ x | combine(y, recursive=true) }}'\nc: '{{ [x, y] | combine }}'\nd: '{{ x | combine(y, list_merge=\"append\") }}'\ne: '{{ x | combine(y, list_merge=\"prepend_rp\", recursive=true) }}'\nf: '{{ x | combine({}) }}'\ng: '{{ x | combine(y, list_merge=\"keep\") }}'\nh: '{{ x | combine(y, list_merge=\"append_rp\") }}'",
    ),
    values(
        "ternary and mandatory",
        "a: '{{ true | ternary(1, 2) }}'\nb: '{{ none | ternary(1, 2, 3) }}'\nc: '{{ x | mandatory }}'\nx: 5\nd: '{{ nope | mandatory }}'\ne: '{{ \"\" | ternary(\"a\", \"b\") }}'",
    ),
    values(
        "regular expressions",
        "a: \"{{ 'foo.bar' | regex_replace('^(.*)\\\\.(.*)$', '\\\\2-\\\\1') }}\"\nb: \"{{ 'a1b22' | regex_findall('[0-9]+') }}\"\nc: \"{{ 'a1b22' | regex_search('[0-9]+') }}\"\nd: \"{{ 'a1b22' | regex_search('([a-z])([0-9]+)', '\\\\1', '\\\\2') }}\"\ne: \"{{ 'x' | regex_search('y') }}\"\nf: \"{{ 'a.b' | regex_escape }}\"\ng: \"{{ 'ABC' | regex_replace('b', 'x', ignorecase=true) }}\"\nh: \"{{ 'a\\nb' | regex_findall('^.', multiline=True) }}\"\ni: \"{{ 5 | regex_replace('5', '6') }}\"\nj: \"{{ 'aaa' | regex_replace('a', 'b', count=2) }}\"",
    ),
    values(
        "base64, hashes, uuid",
        'a: \'{{ "hällo" | b64encode }}\'\nb: \'{{ "aGVsbG8=" | b64decode }}\'\nc: \'{{ "x" | hash("sha256") }}\'\nd: \'{{ "x" | hash }}\'\ne: \'{{ "x" | md5 }}\'\nf: \'{{ "x" | checksum }}\'\ng: \'{{ "x" | to_uuid }}\'\nh: \'{{ "a?b>" | b64encode(urlsafe=true) }}\'\ni: \'{{ "x" | sha1 }}\'',
    ),
    values(
        "json and yaml",
        "d: {b: 1, a: [x, 'y: z', null, true, 1.5], u: ü}\nl: \"{{ {'b': '<a>&', 'a': d} | tojson }}\"\na: '{{ d | to_json }}'\nb: '{{ d | to_nice_json }}'\nc: \"{{ '{\\\"a\\\": [1, 1e3]}' | from_json }}\"\ne: '{{ d | to_yaml }}'\nf: '{{ d | to_nice_yaml }}'\ng: \"{{ 'a: [1, yes]' | from_yaml }}\"\nh: '{{ d | to_nice_json(indent=2) }}'\ni: '{{ \"text\" | to_json }}'\nj: '{{ [1, [2]] | to_nice_yaml(indent=2) }}'\nk: '{{ d | to_yaml(default_flow_style=false) }}'",
    ),
    values(
        "lists",
        "l: [3, 1, 2, 3]\nm: [3, 4]\na: '{{ l | unique }}'\nd: '{{ l | sort }}'\ne: '{{ l | max }}'\nf: '{{ [[1, [2]], none, [3]] | flatten }}'\ng: '{{ [[1, [2]], 3] | flatten(levels=1) }}'\nh: '{{ l | first }}'\ni: '{{ l | last }}'\nj: '{{ l | sum }}'\nk: '{{ l | length }}'\nn: '{{ l | reverse | list }}'\no: '{{ l | zip(m) | list }}'\np: '{{ [1,2] | product([3,4]) | list }}'\nq: '{{ l | batch(2) | list }}'\nr: '{{ l | join(\"-\") }}'\ns: '{{ [\"b\", \"A\"] | sort }}'\nt: '{{ [\"b\", \"B\"] | unique }}'\nu: '{{ l | min }}'\nv: '{{ l | slice(2) | list }}'\nw: '{{ [1, 2] | zip_longest([3], fillvalue=0) | list }}'\nx: '{{ [1,2,3] | combinations(2) | list }}'",
    ),
    values(
        "mappings",
        'd: {a: 1, b: {c: 2}}\na: \'{{ d | dict2items }}\'\nb: \'{{ d | dict2items(key_name="k", value_name="v") }}\'\nc: \'{{ [{"key": "x", "value": 1}] | items2dict }}\'\ne: \'{{ d | dictsort }}\'\nf: \'{{ d | list }}\'\ng: \'{{ d | length }}\'\nh: \'{{ d.items() | list }}\'\ni: \'{{ dict([["a", 1]]) }}\'\nj: \'{{ d | items | list }}\'\nk: \'{{ "a" in d }}\'\nl: \'{{ [{"n": "a", "v": 1}] | rekey_on_member("n") }}\'\nm: \'{{ "a" | extract(d) }}\'\nn: \'{{ "b" | extract(d, "c") }}\'',
    ),
    values(
        "map and select",
        'u: [{n: a, v: 1, ok: true}, {n: b, v: \'{{ 1 + 1 }}\'}]\na: \'{{ u | map(attribute="n") | list }}\'\nb: \'{{ u | selectattr("ok", "defined") | map(attribute="n") | list }}\'\nc: \'{{ u | selectattr("v", "gt", 1) | list }}\'\nd: \'{{ [1,2,3] | select("odd") | list }}\'\ne: \'{{ [1,2,3] | reject("odd") }}\'\nf: \'{{ ["a"] | map("upper") }}\'\ng: \'{{ u | map(attribute="zz", default=0) | list }}\'\nh: \'{{ ["ab", "cd"] | select("match", "a") | list }}\'\ni: \'{{ u | groupby("v") | map("first") | list }}\'\nj: \'{{ u | sum(attribute="v") }}\'\nk: \'{{ ["a-b"] | map("regex_replace", "-", "_") | list }}\'\nl: \'{{ u | rejectattr("ok", "defined") | map(attribute="n") }}\'\nm: \'{{ u | sort(attribute="v", reverse=true) | map(attribute="n") }}\'',
    ),
    values(
        "text",
        'a: \'{{ "Ab" | lower }}\'\nb: \'{{ "ab" | capitalize }}\'\nc: \'{{ " x " | trim }}\'\nd: \'{{ "a b" | replace(" ", "_") }}\'\ne: \'{{ "a,b" | split(",") }}\'\nf: \'{{ "it is" | quote }}\'\ng: \'{{ "x" | center(5) }}\'\nh: \'{{ "a\\nb" | indent(2) }}\'\ni: \'{{ "abcdef" | truncate(4, true) }}\'\nj: \'{{ "<a>" | escape }}\'\nk: \'{{ "a b" | urlencode }}\'\nl: \'{{ "a%20b" | urldecode }}\'\nm: \'{{ "a b c" | wordcount }}\'\nn: \'{{ "x" | comment }}\'\no: \'{{ "x" | comment("c") }}\'\np: \'{{ "x" | comment(decoration="; ") }}\'\nq: \'{{ "a b" | title }}\'\nr: \'{{ "x" | comment("xml") }}\'\ns: \'{{ 5 | string }}\'\nt: \'{{ "abc" | list }}\'\nu: \'{{ "1,2" | split(",") | map("int") | list }}\'\nv: \'{{ "a  b" | split }}\'',
    ),
    values(
        "numbers and sizes",
        "a: '{{ 10 | pow(2) }}'\nb: '{{ 8 | root(3) }}'\nc: '{{ 100 | log(10) }}'\nd: '{{ 1048576 | human_readable }}'\ne: '{{ \"1 MB\" | human_to_bytes }}'\nf: '{{ \"10\" | int }}'\ng: '{{ \"x\" | int(5) }}'\nh: '{{ \"1.5\" | float }}'\ni: '{{ 1.567 | round(1) }}'\nj: '{{ -5 | abs }}'\nk: '{{ \"0x1F\" | int(base=16) }}'\nl: '{{ 1000 | human_readable(isbits=true) }}'\nm: '{{ \"2G\" | human_to_bytes }}'\nn: '{{ 1.4 | round }}'\no: '{{ 5 | human_readable }}'\np: '{{ 1048576 | human_readable(unit=\"K\") }}'\nq: '{{ 50000000 | filesizeformat }}'",
    ),
    values(
        "paths and addresses",
        'a: \'{{ "/a/b.c" | basename }}\'\nb: \'{{ "/a/b.c" | dirname }}\'\nc: \'{{ "b.tar.gz" | splitext }}\'\nd: \'{{ ["/a", "b"] | path_join }}\'\ne: \'{{ "/a/../b" | normpath }}\'\nf: \'{{ "https://u:p@h:8/p?q=1#f" | urlsplit }}\'\ng: \'{{ "https://h/p" | urlsplit("hostname") }}\'\nh: \'{{ ["/a/b", "/a/c"] | commonpath }}\'\ni: \'{{ "/a/b" | relpath("/a") }}\'\nj: "{{ \'C:\\\\a\\\\b\' | win_basename }}"',
    ),
    values(
        "tests",
        "a: '{{ \"abc\" is match(\"a\") }}'\nb: '{{ \"abc\" is search(\"c\") }}'\nc: '{{ \"3.10\" is version(\"3.7\", \">=\") }}'\nd: '{{ [1] is subset([1,2]) }}'\ne: '{{ \"x\" is string }}'\nf: '{{ {} is mapping }}'\ng: '{{ 5 is divisibleby 5 }}'\nh: '{{ [1, 2] is contains(1) }}'\ni: '{{ \"yes\" is truthy(convert_bool=true) }}'\nj: '{{ none is none }}'\nk: '{{ [true, false] is any }}'\nl: '{{ [true, false] is all }}'\nm: '{{ \"\" is falsy }}'\nn: '{{ 5 is number }}'\no: '{{ [] is sequence }}'\np: '{{ \"a\" is in [\"a\"] }}'\nq: '{{ \"http://x/\" is url }}'\nr: '{{ \"1.2.3\" is version(\"1.2\", \"gt\") }}'\ns: '{{ 5 is odd }}'\nt: '{{ \"abc\" is regex(\"B\", ignorecase=true) }}'\nu: '{{ [1,2] is superset([1]) }}'",
    ),
    values(
        "full names",
        'a: \'{{ nope | ansible.builtin.default(5) }}\'\nb: \'{{ "x" | ansible.builtin.b64encode }}\'\nc: \'{{ "abc" is ansible.builtin.match("a") }}\'\nd: \'{{ ["a"] | map("ansible.builtin.upper") | list }}\'',
    ),
    values(
        "subelements and type_debug",
        "u: [{n: a, k: [1, 2]}, {n: b, k: []}]\na: '{{ u | subelements(\"k\") }}'\nb: '{{ 5 | type_debug }}'\nc: '{{ \"x\" | type_debug }}'\nd: '{{ [] | type_debug }}'\ne: '{{ {} | type_debug }}'\nf: '{{ none | type_debug }}'",
    ),
    values(
        "seeded chance",
        "a: '{{ [1,2,3,4] | shuffle(seed=\"x\") }}'\nb: '{{ 100 | random(seed=\"x\") }}'\nc: '{{ [1,2,3] | random(seed=\"mx1\") }}'",
    ),
    values(
        "moments",
        'a: \'{{ "%Y" | strftime(0, true) }}\'\nb: \'{{ ("2026-01-02" | to_datetime("%Y-%m-%d")).year }}\'',
    ),
]

SETS = [
    values(
        "set arithmetic",
        "l: [3, 1, 2, 3]\nm: [3, 4]\na: '{{ l | union(m) | sort }}'\nb: '{{ l | intersect(m) | sort }}'\nc: '{{ l | difference(m) | sort }}'\nd: '{{ l | symmetric_difference(m) | sort }}'\ne: '{{ [{\"a\": 1}] | union([{\"a\": 1}, {\"b\": 2}]) }}'",
    ),
]

ALL = [*STRUCTURE, *PRECEDENCE, *FOLDERS, *INI, *TYPES, *TEMPLATES, *FILTERS, *SETS]
