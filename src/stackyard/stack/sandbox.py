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

_TURNS, _CONCAT = " turns", " concat"  # no template can write a name with a space
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

    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self) -> None:
        # The optimizer would run constant expressions while compiling.
        super().__init__(undefined=_Strict, optimized=False, cache_size=0)
        self.keep_trailing_newline = True
        self.finalize = _finalize
        self.spent = 0
        self.globals = {"range": limited_range}
        self.filters = {name: self._paid(run) for name, run in FILTERS.items()}
        self.filters[_TURNS] = self._turns
        self.filters[_CONCAT] = self._paid(concat)

    def charge(self, cost: int = 1) -> None:
        """Pay for an operation.

        Raises:
            SecurityError: the budget of this template is used up.
        """
        self.spent += cost
        if self.spent > COST:
            raise SecurityError("it takes too many steps")

    def guard(self, tree: nodes.Template, source: str) -> nodes.Template:
        """Refuse what is not in `NODES`, and put loops and `~` under the budget.

        Raises:
            SecurityError: it uses something that is not allowed.
        """
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, NODES):
                name = type(node).__name__.lower()
                raise SecurityError(f"'{name}' is not available in a stack file")
            if isinstance(node, nodes.For):
                if node.recursive:
                    raise SecurityError("recursive loops are not available in a stack file")
                cost = nodes.Const(1 + len(source) // 32)
                node.iter = _filter(node.iter, _TURNS, [cost])
        guarded: nodes.Template = _WithoutConcat().visit(tree)
        guarded.set_environment(self)
        return guarded

    def call_binop(self, _context: Any, operator: str, left: Any, right: Any) -> Any:
        """Run one binary operator within bounds."""
        self.charge(_cost((left, right)))
        return _OPERATORS[operator](left, right)

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
            return obj(*args, **kwargs)
        raise SecurityError("only functions and methods that are listed can be called")

    def _turns(self, items: Any, cost: int) -> Iterator[Any]:
        for item in items:
            self.charge(cost)
            yield item

    def _paid(self, run: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(run)
        def paid(*args: Any, **kwargs: Any) -> Any:
            self.charge(_cost(args))
            return run(*args, **kwargs)

        return paid


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


def _filter(node: nodes.Node, name: str, args: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(node, name, args, [], None, None, lineno=node.lineno)


class _WithoutConcat(NodeTransformer):
    """`a ~ b` becomes a filter of ours: Jinja has no hook for it."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - Jinja's name for it
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), _CONCAT, [])
