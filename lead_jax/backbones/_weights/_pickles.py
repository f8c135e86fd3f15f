"""A pickle read as data: a small stack machine that calls nothing.

A pickle is a program: `GLOBAL` looks a name up and `REDUCE` calls what was found, so that
loading a stranger's file runs the stranger's code. Here a global is an inert `Name`, and
what stands where a call would be made goes to `construct`, which knows a
handful of names that make plain data and refuses every other one. Nothing is ever
imported, looked up or called by a file's wish.

References:
  `PEP 307 <https://peps.python.org/pep-0307/>`_ and the module `pickletools`, which
  documents every opcode.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from lead_jax.backbones._weights._budget import Budget
from lead_jax.backbones._weights._constructions import Name, build, construct, put

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = frozenset(
  {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"}
  | {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE"}
  | {"SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
  | {"BYTEARRAY8"}
)
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


def run_pickle(
  file: BinaryIO,
  *,
  source: str,
  budget: Budget,
  persistent: Callable[[Any], Any] | None = None,
) -> Any:
  """Reads the pickle that starts where `file` stands and leaves `file` behind it.

  Args:
    file: Open for reading bytes, seekable.
    source: How error messages name the file.
    budget: Of what its calls may make.
    persistent: Called with each persistent id (torch's references to storages); None
      where there can be none.

  Returns:
    Dictionaries, lists, tuples, strings, bytes, numbers, and what
    `construct` makes.

  Raises:
    InputError: If the pickle asks for a call that is not known to be plain data, or for
      more data than its budget has.
    ValueError: If it is damaged.
  """
  start = file.tell()
  # Only what is fetched again is kept: a big array's bytes are pickled as text, and the
  # memo would hold both until the end.
  wanted = {
    int(arg or 0) for opcode, arg, _ in pickletools.genops(file) if opcode.name in _GETS
  }
  file.seek(start)
  machine = _Machine(source, budget, wanted, persistent)
  for opcode, arg, _ in pickletools.genops(file):
    if opcode.name == "STOP":
      break
    machine.step(opcode.name, arg)
  return machine.pop()


class _Machine:
  """The stack, its marks and the memo of one pickle."""

  def __init__(
    self,
    source: str,
    budget: Budget,
    wanted: set[int],
    persistent: Callable[[Any], Any] | None,
  ):
    self._source = source
    self._budget = budget
    self._wanted = wanted
    self._persistent = persistent
    self._stack: list[Any] = []
    self._below: list[list[Any]] = []  # What lies under each mark.
    self._memo: dict[int, Any] = {}
    self._memoized = 0

  def pop(self) -> Any:
    return self._stack.pop()

  def push(self, value: Any) -> None:
    self._stack.append(value)

  def step(self, name: str, arg: Any) -> None:
    """Carries one opcode out."""
    if name in _LITERALS:
      self.push(arg)
    elif name in _CONSTANTS:
      self.push(_CONSTANTS[name])
    elif name in _GETS:
      self.push(self._memo[int(arg)])
    elif name in _PUTS or name == "MEMOIZE":
      key = self._memoized if name == "MEMOIZE" else int(arg)
      self._memoized += 1
      if key in self._wanted:
        self._memo[key] = self._stack[-1]
    elif name in _ACTIONS:
      _ACTIONS[name](self, arg)
    else:
      raise ValueError(f"opcode {name} has no place in a file of weights")

  def _to_mark(self) -> list[Any]:
    items, self._stack = self._stack, self._below.pop()
    return items

  def _mark(self, _: Any) -> None:
    self._below.append(self._stack)
    self._stack = []

  def _pop_one(self, _: Any) -> None:
    # A mark is popped like a value where nothing lies above it.
    if self._stack:
      self._stack.pop()
    else:
      self._to_mark()

  def _pop_mark(self, _: Any) -> None:
    self._to_mark()

  def _tuple(self, count: int) -> None:
    items = tuple(self._stack[len(self._stack) - count :]) if count else ()
    if len(items) != count:
      raise ValueError("the stack is too short")
    del self._stack[len(self._stack) - count :]
    self.push(items)

  def _extend(self, items: list[Any]) -> None:
    target = self._stack[-1]
    if isinstance(target, list):
      target.extend(items)

  def _set_items(self, items: list[Any]) -> None:
    target = self._stack[-1]
    if isinstance(target, dict):
      _fill(target, items)

  def _append(self, _: Any) -> None:
    item = self._stack.pop()
    self._extend([item])

  def _set_item(self, _: Any) -> None:
    value, key = self._stack.pop(), self._stack.pop()
    self._set_items([key, value])

  def _global(self, arg: str) -> None:
    module, _, name = arg.partition(" ")
    self.push(Name(module, name))

  def _stack_global(self, _: Any) -> None:
    name, module = self._stack.pop(), self._stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
      raise ValueError("a global is named by something else than text")
    self.push(Name(module, name))

  def _call(self, target: Any, args: Any, named: Any = None) -> None:
    if not isinstance(args, tuple | list):
      raise ValueError("the arguments of a call are no tuple")
    if named:
      raise ValueError("something is made with named arguments")
    self._budget.spend_call(args)
    made = construct(target, tuple(args), self._source)
    self._budget.spend_made(made)
    self.push(made)

  def _reduce(self, _: Any) -> None:
    args, target = self._stack.pop(), self._stack.pop()
    self._call(target, args)

  def _new_ex(self, _: Any) -> None:
    named, args, target = self._stack.pop(), self._stack.pop(), self._stack.pop()
    self._call(target, args, named)

  def _inst(self, arg: str) -> None:
    items = self._to_mark()
    self._global(arg)
    self._call(self._stack.pop(), items)

  def _obj(self, _: Any) -> None:
    target, *args = self._to_mark()
    self._call(target, args)

  def _build(self, _: Any) -> None:
    state = self._stack.pop()
    target = self._stack[-1]
    build(target, state)
    self._budget.spend_build(target)

  def _persist(self, pid: Any) -> None:
    if self._persistent is None:
      raise ValueError("it refers to data outside the pickle")
    self.push(self._persistent(pid))


def _fill(target: dict[Any, Any], items: list[Any]) -> None:
  if len(items) % 2:
    raise ValueError("a dictionary has a key without a value")
  for key, value in zip(items[::2], items[1::2], strict=True):
    put(target, key, value)


def _new_dict(machine: _Machine, items: list[Any]) -> None:
  target: dict[Any, Any] = {}
  _fill(target, items)
  machine.push(target)


_ACTIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
  "PROTO": lambda m, _: None,
  "FRAME": lambda m, _: None,
  "MARK": _Machine._mark,
  "POP": _Machine._pop_one,
  "POP_MARK": _Machine._pop_mark,
  "DUP": lambda m, _: m.push(m._stack[-1]),
  "EMPTY_TUPLE": lambda m, _: m.push(()),
  "TUPLE": lambda m, _: m.push(tuple(m._to_mark())),
  "TUPLE1": lambda m, _: m._tuple(1),
  "TUPLE2": lambda m, _: m._tuple(2),
  "TUPLE3": lambda m, _: m._tuple(3),
  "EMPTY_LIST": lambda m, _: m.push([]),
  "EMPTY_SET": lambda m, _: m.push([]),
  "LIST": lambda m, _: m.push(m._to_mark()),
  "FROZENSET": lambda m, _: m.push(tuple(m._to_mark())),
  "EMPTY_DICT": lambda m, _: m.push({}),
  "DICT": lambda m, _: _new_dict(m, m._to_mark()),
  "APPEND": _Machine._append,
  "APPENDS": lambda m, _: m._extend(m._to_mark()),
  "ADDITEMS": lambda m, _: m._extend(m._to_mark()),
  "SETITEM": _Machine._set_item,
  "SETITEMS": lambda m, _: m._set_items(m._to_mark()),
  "GLOBAL": _Machine._global,
  "STACK_GLOBAL": _Machine._stack_global,
  "REDUCE": _Machine._reduce,
  "NEWOBJ": _Machine._reduce,
  "NEWOBJ_EX": _Machine._new_ex,
  "INST": _Machine._inst,
  "OBJ": _Machine._obj,
  "BUILD": _Machine._build,
  "PERSID": _Machine._persist,
  "BINPERSID": lambda m, _: m._persist(m._stack.pop()),
}
