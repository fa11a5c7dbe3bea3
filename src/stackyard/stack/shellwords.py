"""Words as BuildKit reads them: quotes, escapes and ``$variables``.

https://github.com/moby/buildkit/blob/master/frontend/dockerfile/shell/lex.go. Neither a
shell's rules nor those of Python's `shlex`: variables are filled in before words are split.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_MAX_DEPTH = 50
_LONGEST_EDITED = 10_000
_NAME = re.compile(r"\d+|[@*#?$!-]|\w*")
_SPECIAL = "$'\""

Lookup = Callable[[str], str | None]
"""The value of a variable, None when it is not set."""


class WordError(ValueError):
    """Text that BuildKit cannot read as words; the message says why."""


def split(text: str, escape: str = "\\") -> list[str]:
    """The words of a line, with their quotes, escapes and variables as written.

    Raises:
        WordError: a quote or a brace has no end, or a ``${…}`` is not understood.
    """
    return _Reader(text, escape=escape, raw=True, quotes=True).read()[1]


def unquoted(text: str) -> list[str]:
    """The words of a line without their quotes; variables as written.

    Raises:
        WordError: as `split`.
    """
    return _Reader(text, escape="\\", raw=False, quotes=True).read()[1]


def expand(text: str, lookup: Lookup, *, escape: str = "\\", quotes: bool = True) -> str:
    """Text with its variables filled in and its escapes and quotes gone.

    Args:
        text: what to fill in.
        lookup: the variables.
        escape: takes its meaning from the character after it.
        quotes: whether quotes mean something; if not they stay.

    Raises:
        WordError: as `split`, or a variable has to be set and is not.
    """
    return _Reader(text, escape=escape, raw=False, quotes=quotes, lookup=lookup).read()[0]


@dataclass(slots=True)
class _Words:
    done: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def add(self, text: str, *, whole: bool) -> None:
        """Add to the word that is open; white space ends it, unless *whole*."""
        if whole:
            self.open.append(text)
            return
        for letter in text:
            if letter.isspace():
                self.end()
            else:
                self.open.append(letter)

    def end(self) -> list[str]:
        if word := "".join(self.open):
            self.done.append(word)
        self.open.clear()
        return self.done


class _Reader:
    """Goes through a text once.

    Args:
        text: what to read.
        escape: the escape character.
        raw: quotes and escapes stay.
        quotes: quotes mean something.
        lookup: the variables; without it they stay as written.
    """

    def __init__(
        self, text: str, *, escape: str, raw: bool, quotes: bool, lookup: Lookup | None = None
    ) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._escape = escape
        self._raw = raw
        self._special = _SPECIAL if quotes else "$"
        self._lookup = lookup

    def read(self, stop: str = "", *, raw: bool | None = None) -> tuple[str, list[str]]:
        """What follows up to *stop*, whole and as words."""
        raw_escapes = self._raw if raw is None else raw
        words = _Words()
        out: list[str] = []
        while letter := self._peek():
            if letter == stop:
                self._at += 1
                return "".join(out), words.end()
            if letter in self._special:
                text, whole = self._special_text(letter), letter != "$"
            else:
                text, whole = self._plain(raw_escapes)
            out.append(text)
            words.add(text, whole=whole)
        if stop:
            raise WordError(f"a {stop!r} is missing")
        return "".join(out), words.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1 : self._at]

    def _special_text(self, letter: str) -> str:
        if letter == "$":
            return self._variable()
        return self._single() if letter == "'" else self._double()

    def _plain(self, raw_escapes: bool) -> tuple[str, bool]:
        letter = self._next()
        if letter != self._escape:
            return letter, False
        escaped = self._next()
        return (letter if raw_escapes else "") + escaped, True

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise WordError("a single quote has no end")
        inner = self._text[self._at + 1 : end]
        self._at = end + 1
        return f"'{inner}'" if self._raw else inner

    def _double(self) -> str:
        quote = self._next() if self._raw else self._next()[1:]
        out = [quote]
        while letter := self._peek():
            if letter == "$":
                out.append(self._variable())
                continue
            self._at += 1
            if letter == '"':
                return "".join([*out, quote])
            if letter == self._escape:
                if self._raw:
                    out.append(letter)
                if self._peek() and self._peek() in f'"${self._escape}':
                    letter = self._next()
                elif self._raw:
                    continue
            out.append(letter)
        raise WordError("a double quote has no end")

    # Variables

    def _variable(self) -> str:
        start = self._at
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            return self._value(name, start) if name else "$"
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise WordError("variables are nested too deeply")
        try:
            return self._braced(start)
        finally:
            self._depth -= 1

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found[0] if found else ""

    def _value(self, name: str, start: int) -> str:
        if self._lookup is None:
            return self._text[start : self._at]
        return self._lookup(name) or ""

    def _braced(self, start: int) -> str:
        self._at += 1
        if self._peek() in ("", "{", "}", ":"):
            raise WordError("a ${ is not followed by a name")
        name = self._name()
        mark = self._next()
        if mark == "}":
            return self._value(name, start)
        colon = mark == ":"
        mark = self._next() if colon else mark
        if mark == "/" and not colon:
            mark += self._next() if self._peek() == "/" else ""
            words = [self.read("/", raw=True)[0], self.read("}", raw=True)[0]]
        elif mark and (colon or mark in "+-?#%"):
            words = [self.read("}", raw=mark in "#%")[0]]
        else:
            raise WordError(f"${{{name}{mark}…}} is not understood")
        if self._lookup is None:
            return self._text[start : self._at]
        value = self._lookup(name)
        if mark in "+-?":
            return _chosen(name, mark, words[0], None if colon and not value else value)
        return _edited(mark, words, value or "")


def _chosen(name: str, mark: str, word: str, value: str | None) -> str:
    """What a variable that may be unset comes to."""
    if mark == "+":
        return "" if value is None else word
    if value is None and mark == "?":
        raise WordError(f"{name}: {word or 'it has no value'}")
    return word if value is None else value


def _edited(mark: str, words: list[str], value: str) -> str:
    """A value without a beginning or an end, or with something else in it."""
    word = words[0]
    if len(value) > _LONGEST_EDITED:
        raise WordError(f"a value of more than {_LONGEST_EDITED} characters is not edited")
    if mark in ("/", "//"):
        pattern = _pattern(word, longest=True)
        return pattern.sub(lambda _: words[1], value, count=0 if mark == "//" else 1)
    if mark not in ("#", "%"):
        raise WordError(f"the mark {mark} in ${{…}} is not understood")
    longest = word.startswith(mark)
    pattern = _pattern(word[longest:], longest=longest or mark == "%")
    if mark == "#":
        found = pattern.match(value)
        return value[found.end() :] if found else value
    starts = range(len(value) + 1) if longest else range(len(value), -1, -1)
    return next((value[:at] for at in starts if pattern.fullmatch(value, at)), value)


def _pattern(word: str, *, longest: bool) -> re.Pattern[str]:
    """A shell's pattern, of which BuildKit knows ``*`` and ``?``.

    What follows a ``*`` is looked for from left to right and then kept, but for the last:
    no later place could do better, and patterns made to be slow are not.
    """
    parts, at = [""], 0
    while at < len(word):
        letter = word[at]
        at += 1
        if letter == "*":
            parts.append("")
        elif letter == "?":
            parts[-1] += "."
        elif letter == "\\":
            if word[at : at + 1] not in ("}", "/", "*", "?", "\\"):
                raise WordError(f"the escape \\{word[at : at + 1]} is not understood")
            parts[-1] += re.escape(word[at])
            at += 1
        else:
            parts[-1] += re.escape(letter)
    first, *others = parts
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    last = [(".*" if longest else ".*?") + part for part in others[-1:]]
    return re.compile("".join([first, middle, *last]))
