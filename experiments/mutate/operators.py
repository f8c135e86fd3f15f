"""What is changed: every small fault that a reader of the code could overlook.

Each fault replaces one piece of the text of a module, found in its syntax tree. Left alone:
docstrings, annotations, decorators, imports, the text of errors, warnings and help, and two
keywords whose loss no test on a CPU could see (`precision`, which accelerators read, and
`strict` of `zip`, which guards against callers that do not exist).
"""

import ast
import collections
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
  ast.Add: ast.Sub,
  ast.Sub: ast.Add,
  ast.Mult: ast.Div,
  ast.Div: ast.Mult,
  ast.FloorDiv: ast.Mult,
  ast.Mod: ast.Mult,
  ast.Pow: ast.Mult,
  ast.BitAnd: ast.BitOr,
  ast.BitOr: ast.BitAnd,
}
# By comparison, its opposite, and its boundary where it has one.
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
  ast.Lt: (ast.GtE, ast.LtE),
  ast.LtE: (ast.Gt, ast.Lt),
  ast.Gt: (ast.LtE, ast.GtE),
  ast.GtE: (ast.Lt, ast.Gt),
  ast.Eq: (ast.NotEq,),
  ast.NotEq: (ast.Eq,),
  ast.Is: (ast.IsNot,),
  ast.IsNot: (ast.Is,),
  ast.In: (ast.NotIn,),
  ast.NotIn: (ast.In,),
}
_CALLS = {
  "all": "any",
  "any": "all",
  "argmax": "argmin",
  "argmin": "argmax",
  "exp": "expm1",
  "expm1": "exp",
  "floor": "ceil",
  "ceil": "floor",
  "log": "log1p",
  "log1p": "log",
  "logical_and": "logical_or",
  "logical_or": "logical_and",
  "max": "min",
  "maximum": "minimum",
  "mean": "sum",
  "min": "max",
  "minimum": "maximum",
  "ones": "zeros",
  "ones_like": "zeros_like",
  "std": "var",
  "sum": "mean",
  "var": "std",
  "zeros": "ones",
  "zeros_like": "ones_like",
}
# Functions of one argument whose loss is a fault.
_WRAPPERS = {"abs", "clip", "cumsum", "relu", "sort", "sqrt", "square", "stop_gradient"}
_UNSEEN_KEYWORDS = {"help", "precision", "strict"}
_TYPES = {"Callable", "Literal", "NewType", "TypeVar", "cast"}
_TINY = 1e-3


Lines = tuple[tuple[int, int], ...]


class Mutant(NamedTuple):
  """One fault.

  Attributes:
    module: File, from the root of the checkout.
    function: Qualified name of the function around it; `-` at the top of the module.
    operator: Kind of fault.
    before: The piece of code that is changed, on one line.
    after: What it becomes.
    occurrence: Which of the equal pieces in the function, from 0.
    lines: First and last lines of what shows it when it is run.
    at_import: Whether the piece itself is run when the module is imported.
    start: Of the piece in the encoded source.
    end: Likewise.
    text: What is put there.
  """

  module: str
  function: str
  operator: str
  before: str
  after: str
  occurrence: int
  lines: Lines
  at_import: bool
  start: int
  end: int
  text: str

  @property
  def name(self) -> str:
    """Identifies the fault; the same as long as its function is."""
    place = f" #{self.occurrence + 1}" if self.occurrence else ""
    return f"{self.module}:{self.function}: {self.before} -> {self.after}{place}"

  def apply(self, source: str) -> str:
    """Returns the module's source with the fault in it."""
    encoded = source.encode()
    changed = encoded[: self.start] + self.text.encode() + encoded[self.end :]
    return changed.decode()

  def draw(self, seed: int) -> float:
    """Returns a number in [0, 1), the same for this fault and seed in every run."""
    digest = hashlib.sha256(f"{seed}:{self.name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def literals(sources: Sequence[str]) -> list[tuple[str, ...]]:
  """Returns the choices of every `Literal` of texts in some modules."""
  return [
    tuple(str(v.value) for v in node.slice.elts if isinstance(v, ast.Constant))
    for source in sources
    for node in ast.walk(ast.parse(source))
    if isinstance(node, ast.Subscript)
    and ast.unparse(node.value) == "Literal"
    and isinstance(node.slice, ast.Tuple)
  ]


def mutants_of(
  module: str, source: str, choices: Sequence[tuple[str, ...]] = ()
) -> list[Mutant]:
  """Returns every fault that can be put into a module.

  Args:
    module: Its file, from the root of the checkout.
    source: Its text.
    choices: Texts that stand for each other, as `literals` finds them.
  """
  next_choice = {
    choice: group[(index + 1) % len(group)]
    for group in reversed(choices)
    for index, choice in enumerate(group)
  }
  return _Finder(module, source, next_choice).find()


class _Finder:
  """Walks a module's tree and collects faults."""

  def __init__(self, module: str, source: str, next_choice: Mapping[str, str]):
    self._module = module
    self._source = source
    self._next_choice = next_choice
    lengths = [len(line.encode()) for line in source.splitlines(keepends=True)]
    self._line_starts = [sum(lengths[:i]) for i in range(len(lengths))]
    self._seen: collections.Counter[tuple[str, ...]] = collections.Counter()
    self._found: list[Mutant] = []
    self._at_import = True
    # Conditions; their opposite is a fault of the statement or choice around them.
    self._conditions: set[ast.expr] = set()

  def find(self) -> list[Mutant]:
    """Returns them in the order of the text."""
    tree = ast.parse(self._source)
    for statement in tree.body:
      self._statement(statement, "-", self._readers(tree, statement))
    return self._found

  def _readers(self, tree: ast.Module, statement: ast.stmt) -> Lines:
    """Lines of the functions that read what is assigned at the top of the module."""
    names = {
      name.id
      for target in getattr(statement, "targets", [getattr(statement, "target", None)])
      for name in ast.walk(target or ast.Pass())
      if isinstance(name, ast.Name)
    }
    reading = [
      (node.lineno, node.end_lineno or node.lineno)
      for node in tree.body
      if isinstance(node, ast.FunctionDef | ast.ClassDef)
      and any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node))
    ]
    return tuple(reading) or ((1, len(self._line_starts)),)

  def _statement(self, node: ast.stmt, function: str, around: Lines | None) -> None:
    """Visits a statement.

    Args:
      node: The statement.
      function: Qualified name of the function around it.
      around: Lines that show what is run at import; None inside functions.
    """
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise) or _documents(node):
      return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      inside = node.name if function == "-" else f"{function}.{node.name}"
      lines: Lines = (_span(node),)
      self._at_import = False
      if isinstance(node, ast.FunctionDef):
        for default in [*node.args.defaults, *node.args.kw_defaults]:
          if default is not None:
            self._expression(default, inside, lines)
      within = lines if isinstance(node, ast.ClassDef) else None
      for child in node.body:
        self._statement(child, inside, within)
      return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
      return
    self._at_import = around is not None
    simple = not hasattr(node, "body")
    lines = around or (_span(node),)
    if isinstance(node, ast.If | ast.While):
      lines = around or (_span(node.test),)
      self._conditions.add(node.test)
      self._add(node.test, "negate", ast.UnaryOp(ast.Not(), node.test), function, lines)
    if isinstance(node, ast.If) and all(isinstance(s, ast.Raise) for s in node.body):
      refusal = node.body[-1]
      self._add(refusal, "remove", ast.Pass(), function, lines)
    if function != "-" and _can_go(node):
      self._add(node, "remove", ast.Pass(), function, lines)
    if isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
      other = ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
      self._add(node, "arithmetic", other, function, lines)
    for field, value in ast.iter_fields(node):
      if field in ("annotation", "targets", "target", "type_comment", "msg"):
        continue
      for child in value if isinstance(value, list) else [value]:
        if isinstance(child, ast.stmt):
          self._statement(child, function, around)
        elif isinstance(child, ast.expr):
          own = (_span(child),)
          self._expression(child, function, around or (lines if simple else own))
        elif isinstance(child, ast.withitem):
          self._expression(child.context_expr, function, lines)
        elif isinstance(child, ast.ExceptHandler):
          for handled in child.body:
            self._statement(handled, function, around)

  def _expression(self, node: ast.expr, function: str, lines: Lines) -> None:
    """Collects the faults of an expression, then of those inside it."""
    if isinstance(node, ast.JoinedStr):
      return
    for operator, other in self._faults(node):
      self._add(node, operator, other, function, lines)
    if isinstance(node, ast.Call):
      name = _last_name(node.func)
      if name in ("TypeVar", "NewType", "warn", "parameter"):
        return
      self._expression(node.func, function, lines)
      for index, argument in enumerate(node.args):
        if not (index == 0 and name in _TYPES):
          self._expression(argument, function, lines)
      for keyword in node.keywords:
        if keyword.arg not in _UNSEEN_KEYWORDS and not _is_axis(keyword):
          self._expression(keyword.value, function, lines)
      return
    if isinstance(node, ast.Subscript) and _last_name(node.value) in _TYPES:
      return
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
      return
    for child in ast.iter_child_nodes(node):
      if isinstance(child, ast.expr):
        self._expression(child, function, lines)
      elif isinstance(child, ast.comprehension):
        for part in (child.iter, *child.ifs):
          self._expression(part, function, lines)

  def _faults(self, node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
      other = _ARITHMETIC[type(node.op)]()
      yield "arithmetic", ast.BinOp(node.left, other, node.right)
      if isinstance(node.op, ast.Add | ast.Sub):
        yield "remove term", node.left
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
      others = _COMPARISONS[type(node.ops[0])]
      for comparison in others[1:] if node in self._conditions else others:
        yield "comparison", ast.Compare(node.left, [comparison()], node.comparators)
    elif isinstance(node, ast.BoolOp):
      other_way = ast.Or() if isinstance(node.op, ast.And) else ast.And()
      yield "boolean", ast.BoolOp(other_way, node.values)
    elif isinstance(node, ast.IfExp):
      self._conditions.add(node.test)
      yield "negate", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.UnaryOp):
      if not isinstance(node.op, ast.UAdd):
        yield "remove sign", node.operand
    elif isinstance(node, ast.Attribute):
      if node.attr in ("T", "mT"):
        yield "remove transpose", node.value
    elif isinstance(node, ast.Constant):
      yield from self._constant(node)
    elif isinstance(node, ast.Call):
      yield from _call(node)

  def _constant(self, node: ast.Constant) -> Iterator[tuple[str, ast.expr]]:
    value = node.value
    if isinstance(value, bool):
      yield "boolean", ast.Constant(not value)
    elif isinstance(value, int):
      yield "constant", ast.Constant(value + 1)
      if value > 1:
        yield "constant", ast.Constant(value - 1)
    elif isinstance(value, float):
      factor = 1000 if abs(value) < _TINY else 2
      yield "constant", ast.Constant(value * factor if value else 1.0)
    elif isinstance(value, str) and value in self._next_choice:
      yield "choice", ast.Constant(self._next_choice[value])

  def _add(
    self,
    node: ast.expr | ast.stmt,
    operator: str,
    other: ast.expr | ast.stmt,
    function: str,
    lines: Lines,
  ) -> None:
    """Adds a fault, if the text with it is another program."""
    before, after = _short(node), _short(other)
    key = (function, operator, before, after)
    text = ast.unparse(ast.fix_missing_locations(other))
    mutant = Mutant(
      self._module,
      function,
      operator,
      before,
      after,
      self._seen[key],
      lines,
      self._at_import,
      self._offset(node.lineno, node.col_offset),
      self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
      text if isinstance(other, ast.stmt) else f"({text})",
    )
    try:
      ast.parse(mutant.apply(self._source))
    except SyntaxError:
      return
    self._seen[key] += 1
    self._found.append(mutant)

  def _offset(self, line: int, column: int) -> int:
    return self._line_starts[line - 1] + column


def _span(node: ast.stmt | ast.expr) -> tuple[int, int]:
  return node.lineno, node.end_lineno or node.lineno


def _call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
  """The faults of a call: another function, no function, an argument less."""
  name = _last_name(node.func)
  if name in _CALLS:
    yield (
      "function",
      ast.Call(_renamed(node.func, _CALLS[name]), node.args, node.keywords),
    )
  if name in _WRAPPERS and node.args:
    yield "remove call", node.args[0]
  if name == "where" and len(node.args) == 3:
    test, one, other = node.args
    yield "swap", ast.Call(node.func, [test, other, one], node.keywords)
  for index, keyword in enumerate(node.keywords):
    if keyword.arg in _UNSEEN_KEYWORDS or keyword.arg is None:
      continue
    rest = node.keywords[:index] + node.keywords[index + 1 :]
    yield "drop keyword", ast.Call(node.func, node.args, rest)
    if _is_axis(keyword):
      axis = ast.literal_eval(keyword.value)
      moved = ast.keyword(keyword.arg, ast.Constant(1 if axis == 0 else 0))
      arguments = [*node.keywords[:index], moved, *node.keywords[index + 1 :]]
      yield "axis", ast.Call(node.func, node.args, arguments)


def _is_axis(keyword: ast.keyword) -> bool:
  if keyword.arg != "axis":
    return False
  text = ast.unparse(keyword.value)
  return text.removeprefix("-").isdigit()


def _last_name(node: ast.expr) -> str:
  """The name that is called: `sum` of `jnp.sum` and of `x.sum`."""
  if isinstance(node, ast.Attribute):
    return node.attr
  return node.id if isinstance(node, ast.Name) else ""


def _renamed(node: ast.expr, name: str) -> ast.expr:
  if isinstance(node, ast.Attribute):
    return ast.Attribute(node.value, name, ast.Load())
  return ast.Name(name, ast.Load())


def _documents(node: ast.stmt) -> bool:
  """Whether a statement is a docstring."""
  return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _can_go(node: ast.stmt) -> bool:
  """Whether a program without the statement still defines every name."""
  if isinstance(node, ast.AugAssign):
    return True
  if isinstance(node, ast.Expr):
    return isinstance(node.value, ast.Call)
  if not isinstance(node, ast.Assign):
    return False
  names = {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
  return any(isinstance(t, ast.Name) and t.id in names for t in node.targets)


def _short(node: ast.expr | ast.stmt) -> str:
  text = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
  return text if len(text) <= 100 else f"{text[:60]} … {text[-38:]}"
