"""Texts that the spawn form shows: it escapes nothing, so they come to it escaped."""

from __future__ import annotations

import html
import re
import unicodedata

from stackyard.errors import InputError, Position

_BRACES = str.maketrans({"{": "&#123;", "}": "&#125;"})
_TAG = re.compile(r"<[A-Za-z/!][^<>]*>|&(?:[A-Za-z]+|#[0-9]+);")
_TEMPLATE = re.compile(r"\{\{|\{%|\{#|\$\{")


def shown(text: str) -> str:
    """The text as HTML that shows just it; no template, of whatever language, is left in it."""
    return html.escape(text).translate(_BRACES)


def looks(text: str) -> str:
    """The text as people tell it from another one: what cannot be seen is not in it."""
    known = unicodedata.normalize("NFC", text)
    seen = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in known)
    return " ".join(seen.split())


def surprise(text: str) -> str | None:
    """What somebody may have meant by a text that will be shown as it is written."""
    if _TAG.search(text):
        return "HTML"
    return "a template" if _TEMPLATE.search(text) else None


def pattern(written: str, where: Position | None, what: str) -> str:
    """A regular expression that must match the whole text, in Python and in the browser.

    KubeSpawner looks only at the beginning (`re.match`); a browser, at all of it. It is put
    into the form's HTML as it is, so what would end the attribute is not taken.

    Raises:
        InputError: it is none, or cannot stand in the form.
    """
    if found := re.search(r'["<>&]|\{\{|\{%|\{#', written):
        code = "".join(f"\\x{ord(letter):02x}" for letter in found[0][:1])
        raise InputError(
            f"{what} is {written!r}, and {found[0]!r} cannot stand in the spawn form",
            where=where,
            hint=f"write {found[0][:1]} as {code}",
        )
    whole = written if _is_anchored(written) else f"^(?:{written})$"
    try:
        re.compile(written)
        re.compile(whole)
    except re.error as error:
        raise InputError(
            f"{what} is {written!r}, which is no regular expression: {error}", where=where
        ) from error
    return whole


def _is_anchored(written: str) -> bool:
    ends = written.endswith("$") and not written.endswith("\\$")
    return written.startswith("^") and ends and "|" not in written
