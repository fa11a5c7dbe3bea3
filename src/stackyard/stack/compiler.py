"""Everything of Jinja that `template` needs, apart so that it is imported only when used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser

from stackyard.stack.filesandbox import FileSandbox
from stackyard.stack.sandbox import NotAllowedError, Sandbox, UnknownNameError
from stackyard.stack.suggest import did_you_mean
from stackyard.stack.templateerror import TemplateError

__all__ = ["FileSandbox", "Sandbox", "compile_expression", "compile_template", "explained", "names"]

MadeT = TypeVar("MadeT")


def compile_template(sandbox: Sandbox, source: str) -> Template:
    """A template from its source.

    Raises:
        TemplateError: it is not a template, or uses what is not allowed.
    """
    return explained(
        lambda: sandbox.from_string(sandbox.guard(sandbox.parse(source), source)), known=()
    )


def compile_expression(sandbox: Sandbox, source: str) -> Template:
    """A template that writes ``true`` or nothing, from an expression.

    Raises:
        TemplateError: it is not an expression, or uses what is not allowed.
    """

    def made() -> Template:
        answer = nodes.CondExpr(
            _expression(sandbox, source), nodes.Const("true"), nodes.Const(""), lineno=1
        )
        tree = nodes.Template([nodes.Output([answer], lineno=1)], lineno=1)
        return sandbox.from_string(sandbox.guard(tree, source))

    return explained(made, known=())


def names(sandbox: Sandbox, source: str) -> frozenset[str]:
    """The variables that a template mentions.

    Raises:
        TemplateError: it is not a template.
    """
    return explained(lambda: frozenset(find_undeclared_variables(sandbox.parse(source))), known=())


def explained(run: Callable[[], MadeT], *, known: Iterable[str]) -> MadeT:
    """Run something of Jinja's; whatever it, or Python under it, raises gets a reason.

    Args:
        run: what to do.
        known: names of the variables, for the nearest to an unknown one.

    Raises:
        TemplateError: it failed.
    """
    try:
        return run()
    except TemplateError:
        raise
    except UnknownNameError as error:
        hint = did_you_mean(error.name, error.keys or known)
        raise TemplateError(str(error), hint, _line(error)) from None
    except SecurityError as error:
        raise TemplateError(f"not allowed: {error}", line=_line(error)) from None
    except TemplateSyntaxError as error:
        message = f"not a valid template: {error.message}"
        raise TemplateError(message, line=error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError):
        raise TemplateError("a template nested too deeply") from None
    except Exception as error:  # an expression can fail in any of Python's ways
        raise TemplateError(str(error) or type(error).__name__, line=_line(error)) from None


def _line(error: BaseException) -> int:
    """The template's line that raised an error; 0 when no line of it did."""
    if isinstance(error, NotAllowedError):
        return error.lineno
    line, step = 0, error.__traceback__
    while step is not None:
        if "__jinja_exception__" in step.tb_frame.f_globals:  # Jinja's stand-in for the template
            line = step.tb_lineno
        step = step.tb_next
    return line


def _expression(sandbox: Sandbox, source: str) -> nodes.Expr:
    parser = Parser(sandbox, source, state="variable")
    found: nodes.Expr = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError("it goes on after the expression", 1)
    return found
