"""The restricted expression of `row_filter`: names, literals, comparisons, in, and, or, not. No eval.

Length and depth are bounded, so no expression costs more than a person would write.

A name is a header of the file written as an identifier: `Case Type` is `case_type` (case does not matter).
Cells are text; a comparison with a number reads them as numbers.
"""

import ast
import operator
import re
import unicodedata
import warnings

from shared_utils.errors import nearest

_COMPARE = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt,
    ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
LONGEST = 5_000  # characters: a list of some hundred codes
DEEPEST = 20  # parentheses and nots inside one another
_ALLOWED = "names, literals, ==, !=, <, <=, >, >=, in, not in, and, or, not"


class FilterError(ValueError):
    """The expression is not in the small grammar, or names a column the file does not have."""


def identifier(header: str) -> str:
    """Return the name a header goes by in an expression: "Case Type " -> "case_type".

    Forms of one letter (full width, ligatures) are one, and invisible characters do not count: Python reads names
    so, and a column "S\u200bSN" is no less a social security number.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKC", header) if unicodedata.category(c) != "Cf")
    return re.sub(r"\W+", "_", plain.strip()).strip("_").lower()


class RowFilter:
    """A parsed row filter: `names` it needs, and `keep(frame)` the boolean mask of the rows it keeps."""

    def __init__(self, text: str):
        self.text = text
        self._tree = _tree(text)
        self.names: set[str] = set()
        self._check(self._tree, DEEPEST)

    def keep(self, frame):
        """Return a boolean Series, True for the rows of `frame` (all text) that pass."""
        columns = {identifier(c): frame[c] for c in frame.columns}
        for name in sorted(self.names):
            if name not in columns:
                raise FilterError(f"there is no column '{name}'.{nearest(name, columns)}")
        return self._mask(self._tree, columns)

    def _check(self, node, depth: int) -> None:
        if not depth:
            raise FilterError(f"more than {DEEPEST} parts are inside one another")
        match node:
            case ast.BoolOp(values=parts):
                for part in parts:
                    self._check(part, depth - 1)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                self._check(inner, depth - 1)
            case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[right]):
                self.names.add(name.lower())
                value = self._literal(right)
                if isinstance(op, (ast.In, ast.NotIn)) != isinstance(value, list):
                    raise FilterError("'in' needs a list like ['a', 'b']; other comparisons need one value")
                if not isinstance(op, (ast.In, ast.NotIn, *_COMPARE)):
                    raise FilterError(f"only these are allowed: {_ALLOWED}")
            case _:
                raise FilterError(f"'{self._words(node)}' is not allowed; only these are: {_ALLOWED}")

    def _mask(self, node, columns):
        match node:
            case ast.BoolOp(op=op, values=parts):
                masks = [self._mask(part, columns) for part in parts]
                result = masks[0]
                for mask in masks[1:]:
                    result = result & mask if isinstance(op, ast.And) else result | mask
                return result
            case ast.UnaryOp(operand=inner):
                return ~self._mask(inner, columns)
            case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[right]):
                return _compare(columns[name.lower()], op, self._literal(right))

    def _literal(self, node):
        """Return the value of a literal: text, a number, or a list of them."""
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError, MemoryError):
            raise FilterError(f"'{self._words(node)}' must be a literal such as 'RES' or 3") from None
        values = list(value) if isinstance(value, (list, tuple, set)) else value
        for item in values if isinstance(values, list) else [values]:
            if isinstance(item, bool) or not isinstance(item, (str, int, float)):
                raise FilterError(f"'{self._words(node)}' must be text in quotes or a number")
        return values

    def _words(self, node) -> str:
        """Return the part of the expression a node stands for, cut where it is long."""
        part = ast.get_source_segment(self.text.lstrip(), node) or self.text
        return part if len(part) <= 60 else f"{part[:60]}..."


def _tree(text: str) -> ast.expr:
    """Return the parsed expression. Python's parser has limits of its own; what passes them is read here."""
    if len(text) > LONGEST:
        raise FilterError(f"it has {len(text):,} characters, more than {LONGEST:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python about its own style
            return ast.parse(text.lstrip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", "it is nested too deep, or holds broken characters").partition(";")[0]
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise FilterError(f"'{shown}' cannot be read: {reason}") from None


def _compare(column, op, value):
    import pandas as pd

    text = column.str.strip()
    if isinstance(op, (ast.In, ast.NotIn)):
        found = text.isin([str(item) for item in value])
        return ~found if isinstance(op, ast.NotIn) else found
    cells = text if isinstance(value, str) else pd.to_numeric(text, errors="coerce")
    return _COMPARE[type(op)](cells, value)
