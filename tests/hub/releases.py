"""HelmReleases in all the ways in which people write them, for the tests of the edit."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

HEAD = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: hub
  namespace: jupyterhub
"""
ADDED = (
    "  timeout: 30m",
    "  valuesFrom:",
    "    - kind: ConfigMap",
    "      name: stackyard-profiles",
    "      valuesKey: values.yaml",
)


@dataclass
class Line:
    """A line, whether it stays, and how far a comment after it may be indented at most."""

    text: str
    stays: bool = True
    comment: int = 12


@dataclass
class Written:
    """A file, and the lines of it that shall be left after the edit."""

    text: str
    kept: list[str] = field(default_factory=list)


LISTS = (
    ["{}profileList:", "{}  - display_name: A", "{}    slug: a", "{}  - {{slug: b}}"],
    ["{}profileList:", "{}- display_name: 'A # no comment'", "{}  slug: a"],
    ["{}profileList: [] # none"],
    ["{}profileList: [{{slug: a}},", "{}   {{slug: b}}]  # two"],
    ["{}profileList: &own", "{}  - &x {{slug: a}}", "{}  - *x"],
    ["{}profileList: !!seq", "{}  - display_name: >-", "{}      folded", "{}      text"],
    ['{}"profileList":', "{}  - description: |", "{}      - no list", "{}      # no comment"],
)
OTHERS = (
    ["{}memory:", "{}  limit: 1G"],
    ["{}note: |", "{}  text", "{}  # no comment"],
    ["{}more: {{a: 1, b: [x, 'y']}}"],
    ["{}empty:"],
    ['{}quoted: "a', "", '{}  b"  # end'],
)


def _lines(draw: st.DrawFn, shape: list[str], indent: str, *, stays: bool) -> list[Line]:
    lines = [Line(text.format(indent) if text else text, stays) for text in shape]
    column = len(indent)
    if any(mark in shape[0] for mark in ("|", ">")) or any(": |" in t or ": >" in t for t in shape):
        for line in lines:
            line.comment = -1  # it would be text
        lines[-1].comment = column
    if shape[0].endswith("a") or "[{{" in shape[0]:
        for line in lines[:-1]:
            line.comment = -1
    return lines


@st.composite
def _block(draw: st.DrawFn, indent: str) -> list[Line]:
    shape = draw(st.sampled_from(OTHERS))
    name = draw(st.sampled_from("abcdef"))
    renamed = [shape[0].replace("{}", "{}" + name, 1), *shape[1:]]
    return _lines(draw, renamed, indent, stays=True)


def _distinct(blocks: list[list[Line]]) -> list[list[Line]]:
    keys = {block[0].text.split(":")[0].strip(): block for block in blocks}
    return list(keys.values())


@st.composite
def releases(draw: st.DrawFn) -> Written:
    """A file with a HelmRelease that has a list of its own."""
    around = st.lists(_block("      "), max_size=2).map(_distinct)
    inner = draw(around)
    listed = _lines(draw, draw(st.sampled_from(LISTS)), "      ", stays=False)
    place = draw(st.integers(0, len(inner)))
    singleuser = [Line("    singleuser:", bool(inner))]
    for block in [*inner[:place], listed, *inner[place:]]:
        singleuser += block
    outer = draw(st.lists(_block("    "), max_size=2).map(_distinct))
    place = draw(st.integers(0, len(outer)))
    values = [Line("  values:  # all", bool(inner or outer))]
    for block in [*outer[:place], singleuser, *outer[place:]]:
        values += block
    parts = [
        [Line("  interval: 10m")],
        [Line("  chart:"), Line("    spec: {chart: jupyterhub}")],
        values,
    ]
    lines = [Line(text) for text in HEAD.splitlines()] + [Line("spec:")]
    for part in draw(st.permutations(parts)):
        lines += part
    if draw(st.booleans()):
        lines += [Line("---", comment=0), Line("kind: Other")]
    return _written(draw, lines)


def _written(draw: st.DrawFn, lines: list[Line]) -> Written:
    made: list[Line] = []
    goes = False
    for number, line in enumerate(lines):
        made.append(line)
        inside = not line.stays and line.text.startswith("      ")
        last = number + 1 == len(lines) or not lines[number + 1].text.startswith("      ")
        last = last or lines[number + 1].stays
        goes = inside
        for _ in range(draw(st.integers(0, 2)) if line.comment >= 0 else 0):
            indent = draw(st.integers(0, line.comment))
            if last and inside:
                # Comments that are deeper than the list's key are its own.
                goes = goes and indent > 6
            made.append(Line(f"{' ' * indent}# comment {len(made)}", not goes))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    end = draw(st.sampled_from([newline, ""]))
    text = newline.join(line.text for line in made) + end
    return Written(text, [line.text for line in made if line.stays])
