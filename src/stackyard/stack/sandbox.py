"""The Jinja environment that templates of a stack file run in.

A contributed layer may be hostile, so what a template can do is listed, not
what it cannot: syntax (`NODES`), filters, methods and functions. Every
operation that can make something larger is checked before it runs, and each
operation and each turn of a loop is paid from a budget that is counted, not
timed, so that the same file always gives the same answer.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from stackyard.stack.bounded import (
    FILTERS,
    METHODS,
    Method,
    add,
    concat,
    limited_range,
    modulo,
    multiply,
    power,
    text,
)

_TURNS, _CONCAT, _SLICE = " turns", " concat", " slice"  # no template can write these names
COST = 100_000
"""Operations that one template may take; far under a second."""

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": operator.sub,
    "*": multiply,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": modulo,
    "**": power,
}
_LOOP = frozenset(
    {"index", "index0", "first", "last", "length", "revindex", "revindex0", "depth", "depth0"}
)

NODES: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const),
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword),
    *(nodes.If, nodes.For, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call),
    *(nodes.Getitem, nodes.Getattr, nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand),
    *(nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Add, nodes.Sub, nodes.Mod, nodes.Pow),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
)
"""No set, macro, include, import, block: one string needs none, and they can recurse."""


class NotAllowedError(SecurityError):
    """A template has something that it may not have, in this line."""

    def __init__(self, message: str, lineno: int) -> None:
        super().__init__(message)
        self.lineno = lineno


class UnknownNameError(UndefinedError):
    """A template used a variable (or a key of one) that is not there.

    Attributes:
        keys: for a key, those that are there.
    """

    def __init__(self, message: str, name: str, keys: tuple[str, ...]) -> None:
        super().__init__(message)
        self.name = name
        self.keys = keys


class _Strict(StrictUndefined):
    """Raises at every use, and remembers the name."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[Exception] = UndefinedError,
    ) -> None:
        super().__init__(hint, obj, name, exc)  # type: ignore[arg-type]
        if exc is UndefinedError:
            keys = tuple(map(str, obj)) if isinstance(obj, Mapping) else ()
            unknown = functools.partial(UnknownNameError, name=str(name), keys=keys)
            self._undefined_exception = unknown  # type: ignore[assignment]


class Sandbox(ImmutableSandboxedEnvironment):
    """Runs templates; `spent` counts what the one that runs has cost."""

    syntax: tuple[type[nodes.Node], ...] = NODES
    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self) -> None:
        # The optimizer would run constant expressions while compiling.
        super().__init__(undefined=_Strict, optimized=False, cache_size=0)
        self.keep_trailing_newline = True
        self.finalize = _finalize
        self.spent = 0
        self.globals = {"range": limited_range}
        self.filters = {name: self.paid(run) for name, run in FILTERS.items()}
        self.filters[_TURNS] = self._turns
        self.filters[_CONCAT] = self.paid(concat)
        self.filters[_SLICE] = self.paid(_slice)

    def charge(self, cost: int = 1) -> None:
        """Pay for an operation.

        Raises:
            SecurityError: the budget of this template is used up.
        """
        self.spent += cost
        if self.spent > COST:
            raise SecurityError("it takes too many steps")

    def guard(self, tree: nodes.Template, source: str) -> nodes.Template:
        """Refuse what is not in `syntax`, and put loops, `~` and slices under the budget.

        Raises:
            NotAllowedError: it uses something that is not allowed.
        """
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, self.syntax):
                name = type(node).__name__.lower()
                raise NotAllowedError(f"'{name}' is not available here", node.lineno)
            if isinstance(node, nodes.Assign) and not isinstance(node.target, nodes.Name):
                raise NotAllowedError("'set' of anything but one name", node.lineno)
            if isinstance(node, nodes.For):
                if node.recursive:
                    raise NotAllowedError("recursive loops are not available here", node.lineno)
                cost = nodes.Const(1 + len(source) // 32)
                node.iter = _filter(node.iter, _TURNS, [cost])
        guarded: nodes.Template = _Guarded().visit(tree)
        guarded.set_environment(self)
        return guarded

    def call_binop(self, _context: Any, operator: str, left: Any, right: Any) -> Any:
        """Run one binary operator within bounds."""
        self.charge(_cost((left, right)))
        return self._made(_OPERATORS[operator](left, right))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Keys of mappings, the listed methods, and what a loop tells; nothing of Python's."""
        self.charge()
        if isinstance(obj, Undefined):
            _fail(obj)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if attribute in METHODS.get(type(obj), ()):
            return Method(obj, attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Mapping) and not attribute.startswith("_"):
            return self.undefined(obj=obj, name=attribute)
        kind = type(obj).__name__
        raise SecurityError(f"{attribute!r} of a value of type {kind} is not available")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Items of mappings, lists and strings only."""
        self.charge()
        if isinstance(obj, Undefined):
            _fail(obj)
        if not isinstance(obj, Mapping | list | tuple | str | range):
            raise SecurityError(f"a value of type {type(obj).__name__} has no items")
        try:
            return obj[argument]
        except LookupError:
            return self.undefined(obj=obj, name=argument)

    def call(self, _context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a listed method or function."""
        self.charge(_cost((obj.value, *args)) if isinstance(obj, Method) else 1)
        if isinstance(obj, Undefined):
            _fail(obj)
        for name in ("_loop_vars", "_block_vars"):  # what compiled code adds inside a loop
            kwargs.pop(name, None)
        if isinstance(obj, Method) or obj is limited_range:
            return self._made(obj(*args, **kwargs))
        raise SecurityError("only functions and methods that are listed can be called")

    def _turns(self, items: Any, cost: int) -> Iterator[Any]:
        for item in items:
            self.charge(cost)
            yield item

    def paid(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """A filter that is paid for, by what it reads and by what it makes."""

        @functools.wraps(run)
        def paying(*args: Any, **kwargs: Any) -> Any:
            self.charge(_cost(args))
            return self._made(run(*args, **kwargs))

        return paying

    def _made(self, value: Any) -> Any:
        """Also pay for what was made, so that all that a template can keep is bounded."""
        self.charge(_cost((value,)) - 1)
        return value


@pass_context
def _finalize(_context: Any, value: Any) -> str:
    """What `{{ }}` writes. It takes the context so that nothing runs while compiling."""
    return text(value)


def _cost(values: Iterable[Any]) -> int:
    """Of an operation: one, and one more for each 256 characters or items it reads."""
    sized = (value for value in values if isinstance(value, str | list | tuple | dict))
    return 1 + sum(len(value) for value in sized) // 256


def _fail(undefined: Undefined) -> NoReturn:
    undefined._fail_with_undefined_error()
    raise AssertionError  # pragma: no cover - the line above always raises


def _slice(value: Any, *parts: int | None) -> Any:
    if isinstance(value, Undefined):
        _fail(value)
    if not isinstance(value, list | tuple | str | range):
        raise SecurityError(f"a value of type {type(value).__name__} has no slices")
    return value[slice(*parts)]


def _filter(node: nodes.Node, name: str, args: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(node, name, args, [], None, None, lineno=node.lineno)


class _Guarded(NodeTransformer):
    """`a ~ b` and `a[b:c]` become filters of ours: Jinja has no hooks for them."""

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802 - Jinja's name for it
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        parts = (node.arg.start, node.arg.stop, node.arg.step)
        return _filter(node.node, _SLICE, [part or nodes.Const(None) for part in parts])

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - Jinja's name for it
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), _CONCAT, [])
