"""Mutants, wrong answers generated automatically: each is the reference answer with one small change.

mutmut and cosmic-ray change modules on disk and run a whole test suite for each change; here a change is the source of
one cell, and hundreds are tried in one warm process. What learners get wrong with arrays, an axis, a transpose, a mean
for a sum, `ddof`, is not among their operators either.
"""

import ast
import copy
from dataclasses import dataclass

ARITHMETIC = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Div],
    ast.Mod: [ast.FloorDiv],
    ast.MatMult: [],
}
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
KIN = [
    ("sum", "mean", "prod"),
    ("mean", "median"),
    ("cumsum", "cumprod"),
    ("log", "log10", "log2", "log1p"),
    ("exp", "exp2", "expm1"),
    ("floor", "ceil", "round", "rint"),
    ("min", "max"),
    ("argmin", "argmax"),
    ("minimum", "maximum"),
    ("any", "all"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("var", "std"),
    ("sin", "cos"),
    ("sinh", "cosh", "tanh"),
    ("sqrt", "square"),
    ("eigvals", "eigvalsh"),
    ("eig", "eigh"),
    ("triu", "tril"),
    ("less", "less_equal"),
    ("greater", "greater_equal"),
    ("amin", "amax"),
    ("float32", "float64"),
    ("append", "extend"),
]
DRESSES = (
    "asarray",
    "array",
    "float",
    "int",
    "list",
    "tuple",
    "dict",
    "str",
    "tensor",
    "item",
    "tolist",
    "numpy",
    "detach",
)
SYMMETRIC = ("min", "max", "minimum", "maximum", "hypot", "inner", "isclose", "allclose", "gcd", "lcm", "logaddexp")
WORDS = 60  # characters of a change that is shown


@dataclass(frozen=True)
class Mutant:
    """A changed answer: its line, the change as "old → new", and the whole source."""

    line: int
    change: str
    source: str


def mutants(source):
    """Every changed version of an answer's source that parses, each once, in the order of its lines."""
    tree = ast.parse(source)
    seen, made = {ast.unparse(tree)}, []
    for node, parent in _places(tree):
        for new in _changed(node, parent, tree):
            change = f"{_shown(node)} → {_shown(new)}"
            text = _text(_with(tree, node, new))
            if text is not None and text not in seen:
                seen.add(text)
                made.append(Mutant(getattr(node, "lineno", 0), change, text))
    return sorted(made, key=lambda mutant: mutant.line)


def _places(tree):
    """(node, parent) of every node below a tree that is part of what is computed."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if name in ("annotation", "returns", "decorator_list", "ctx", "args") and not isinstance(parent, ast.Call):
                continue
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.AST):
                    yield node, parent


def _with(tree, node, replacement):
    """A copy of the tree in which a node is another."""
    return ast.fix_missing_locations(copy.deepcopy(tree, {id(node): replacement}))


def _text(tree):
    try:
        text = ast.unparse(tree)
        compile(text, "mutant", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return None
    return text


def _shown(node):
    text = " ".join(ast.unparse(node).split()) or "nothing"
    return text if len(text) <= WORDS else f"{text[: WORDS - 1]}…"


def _changed(node, parent, tree):
    """The nodes that may stand for one."""
    made = CHANGES.get(type(node), lambda *_: ())
    yield from made(node, parent, tree)
    if isinstance(node, ast.stmt):
        yield from _statement(node, parent)


def _like(node, **fields):
    new = copy.copy(node)
    for key, value in fields.items():
        setattr(new, key, value)
    return new


def _binary(node, parent, tree):
    for other in ARITHMETIC.get(type(node.op), []):
        yield _like(node, op=other())
    if not isinstance(node.op, ast.Pow):
        yield node.right
    yield node.left
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
        yield _like(node, left=node.right, right=node.left)
    if isinstance(node.op, ast.MatMult):
        yield _like(node, op=ast.Mult())
        for side in ("left", "right"):
            if _is_matrix(getattr(node, side)):
                yield _like(node, **{side: ast.Attribute(getattr(node, side), "T", ast.Load())})


def _is_matrix(node):
    """Whether a name says that it is a matrix, W or weight: to transpose a vector changes nothing."""
    name = getattr(node, "id", "")
    return name[:1].isupper() or "weight" in name


def _unary(node, parent, tree):
    if not isinstance(node.operand, ast.Constant):
        yield node.operand


def _compare(node, parent, tree):
    for k, op in enumerate(node.ops):
        for other in COMPARISONS.get(type(op), []):
            yield _like(node, ops=[*node.ops[:k], other(), *node.ops[k + 1 :]])


def _boolean(node, parent, tree):
    yield _like(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    yield from node.values


def _constant(node, parent, tree):
    value = node.value
    if isinstance(parent, ast.Expr):  # a docstring
        return
    if isinstance(parent, ast.keyword) and parent.arg in ("strict", "axis"):  # zip's own check; and see `_call`
        return
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        values = [value + 1, value - 1, 2 * value, -value]
        yield from (ast.Constant(new) for new in dict.fromkeys([*values, *([value // 2] if value % 2 == 0 else [])]))
    elif isinstance(value, float):
        yield from (ast.Constant(new) for new in dict.fromkeys([2 * value, value / 2, value + 1, value - 1, -value]))
    elif isinstance(value, str) and not isinstance(parent, ast.JoinedStr):
        others = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        yield from (ast.Constant(other) for other in dict.fromkeys(others) if other != value and len(other) < 30)


def _call(node, parent, tree):
    named = isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name)
    called = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if called in DRESSES:
        pass
    elif node.args and not isinstance(node.args[0], ast.Starred | ast.GeneratorExp):
        yield node.args[0]
    elif isinstance(node.func, ast.Attribute) and (named or not node.args):
        yield node.func.value
    for other in dict.fromkeys(other for kin in KIN if called in kin for other in kin if other != called):
        key = "id" if isinstance(node.func, ast.Name) else "attr"
        yield _like(node, func=_like(node.func, **{key: other}))
    if (
        len(node.args) >= 2
        and called not in SYMMETRIC
        and not any(isinstance(argument, ast.Starred) for argument in node.args)
    ):
        yield _like(node, args=[node.args[1], node.args[0], *node.args[2:]])
    if called == "range" and len(node.args) == 1:
        yield _like(node, args=[ast.Constant(1), node.args[0]])
        for op in (ast.Add(), ast.Sub()):
            yield _like(node, args=[ast.BinOp(node.args[0], op, ast.Constant(1))])
    for k, keyword in enumerate(node.keywords):
        if keyword.arg == "strict" or called in DRESSES:
            continue
        rest = [*node.keywords[:k], *node.keywords[k + 1 :]]
        yield _like(node, keywords=rest)
        if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
            for axis in (0, 1):
                if axis != keyword.value.value:
                    yield _like(node, keywords=[*rest, ast.keyword("axis", ast.Constant(axis))])
    if called in ("var", "std") and all(keyword.arg != "ddof" for keyword in node.keywords):
        yield _like(node, keywords=[*node.keywords, ast.keyword("ddof", ast.Constant(1))])


def _attribute(node, parent, tree):
    if node.attr in ("T", "real", "imag", "mT"):
        yield node.value
    if not isinstance(parent, ast.Call):
        for other in dict.fromkeys(other for kin in KIN if node.attr in kin for other in kin if other != node.attr):
            yield _like(node, attr=other)


def _subscript(node, parent, tree):
    if isinstance(node.ctx, ast.Load):
        yield node.value


def _slice(node, parent, tree):
    for part in ("lower", "upper", "step"):
        if getattr(node, part) is not None:
            yield _like(node, **{part: None})


def _if_else(node, parent, tree):
    yield node.body
    yield node.orelse
    yield _like(node, body=node.orelse, orelse=node.body)


def _if(node, parent, tree):
    yield _like(node, test=ast.Constant(True))
    yield _like(node, test=ast.Constant(False))


def _loop(node, parent, tree):
    yield _like(node, body=[*node.body, ast.Break()])


def _return(node, parent, tree):
    value = node.value
    if value is None:
        return
    if isinstance(value, ast.Tuple):
        if len(value.elts) == 2:
            yield _like(node, value=_like(value, elts=value.elts[::-1]))
        for k, item in enumerate(value.elts):
            negative = [*value.elts[:k], ast.UnaryOp(ast.USub(), item), *value.elts[k + 1 :]]
            yield _like(node, value=_like(value, elts=negative))
        return
    if not isinstance(value, ast.Constant | ast.Dict | ast.ListComp | ast.List):
        yield _like(node, value=ast.UnaryOp(ast.USub(), value))
        yield _like(node, value=ast.BinOp(ast.Constant(2), ast.Mult(), value))


def _augmented(node, parent, tree):
    yield ast.Assign([node.target], node.value, lineno=node.lineno)
    for other in ARITHMETIC.get(type(node.op), []):
        yield _like(node, op=other())


def _comprehension(node, parent, tree):
    for k in range(len(node.ifs)):
        yield _like(node, ifs=[*node.ifs[:k], *node.ifs[k + 1 :]])


def _statement(node, parent):
    """The statement left out, where it changes something that exists already."""
    assigned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    changes = isinstance(node, ast.AugAssign) or (isinstance(node, ast.Assign) and assigned & read)
    stores = isinstance(node, ast.Assign) and any(isinstance(target, ast.Subscript) for target in node.targets)
    calls = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if changes or stores or calls or isinstance(node, ast.Break | ast.Continue):
        yield ast.Pass()


CHANGES = {
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.IfExp: _if_else,
    ast.If: _if,
    ast.For: _loop,
    ast.While: _loop,
    ast.Return: _return,
    ast.AugAssign: _augmented,
    ast.comprehension: _comprehension,
}
