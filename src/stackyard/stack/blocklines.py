"""Lines with nothing but blocks or comments of Jinja's leave nothing behind.

Jinja's own ``trim_blocks`` also joins ``RUN a {% if x %}b{% endif %}`` with the line
after it, which in a file of instructions is another instruction lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.lexer import TOKEN_DATA, Token, TokenStream

_BLOCK, _VALUE = "\0", "\1"  # stand for what is between two texts
_OPENS = {"block_begin": _BLOCK, "variable_begin": _VALUE}
_LINE = re.compile(rf"^[ \t]*((?:{_BLOCK}[ \t]*)+)(?:\n|\Z)", re.MULTILINE)


class BlockLines(Extension):
    """Drops the blanks and the end of such lines."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The tokens of a template, with shorter texts."""
        sketch, between = _sketch(stream)
        made = _LINE.sub(lambda line: re.sub(r"[ \t]", "", line[1]), sketch)
        number = 1
        for text, tokens in zip(re.split(f"[{_BLOCK}{_VALUE}]", made), [*between, []], strict=True):
            if text:
                yield Token(number, TOKEN_DATA, text)
            yield from tokens
            number = tokens[-1].lineno if tokens else number


def _sketch(stream: TokenStream) -> tuple[str, list[list[Token]]]:
    """All text of a template with a mark for whatever is between, and what that is.

    Where two texts meet there was a comment, or the begin or end of a raw block.
    """
    sketch: list[str] = []
    between: list[list[Token]] = []
    after_text = False
    for token in stream:
        if token.type == TOKEN_DATA:
            if _BLOCK in token.value or _VALUE in token.value:
                raise TemplateSyntaxError("it holds control characters", token.lineno)
            if after_text:
                sketch.append(_BLOCK)
                between.append([])
            sketch.append(token.value)
            after_text = True
        elif token.type in _OPENS:
            sketch.append(_OPENS[token.type])
            between.append([token])
            after_text = False
        else:
            between[-1].append(token)
    return "".join(sketch), between
