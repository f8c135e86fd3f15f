"""A message names parameters; Python reads them as Python, the commands as flags."""

import ast
import pathlib
import pickle
import re
import threading

import numpy as np
import pytest

from lead_jax.checks import (
  InputError,
  name_flags,
  name_parameters,
  naming_flags,
  parameter,
)
from lead_jax.commands import evaluate, finetune, rank
from tests.house import FILES, PACKAGE, tree_of

FLAGS = {name for command in (rank, finetune, evaluate) for name in command.FLAGS}
# Command lines that are printed to be run, and flags of other programs.
PRINTED = {
  "data/_papers.py": "--manual_dir of `tfds build`",
  "data/_tfds.py": "--data_dir of `tfds build`",
  "assessment/plotting.py": "what a caption leaves out",
  "report/_advice.py": "the next step",
  "report/_models.py": "what `lead-rank models` says",
}


@pytest.mark.parametrize(
  ("mention", "python", "flag"),
  [
    (parameter("reference"), "reference=", "--reference"),
    (parameter("split", "all"), "split='all'", "--split=all"),
    (parameter("seed", 3), "seed=3", "--seed=3"),
    (parameter("seed", np.int64(3)), "seed=3", "--seed=3"),
    (parameter("noise", np.float32(2)), "noise=2.0", "--noise=2.0"),
    (parameter("split", {1}), "split='{1}'", "'--split={1}'"),
    (parameter("overwrite", True), "overwrite=True", "--overwrite"),
    (parameter("check_weights", False), "check_weights=False", "--nocheck_weights"),
    (parameter("out", pathlib.Path("my runs")), "out='my runs'", "'--out=my runs'"),
    (parameter("zoo", "\ue000[1]\ue001\n"), repr("\ue000[1]\ue001\n"), "--zoo="),
  ],
)
def test_one_message_in_two_forms(mention, python, flag):
  error = InputError(f"give {mention}, or nothing")
  assert python in str(error)
  assert python in repr(error) or "\\" in python
  assert str(error) == name_parameters(error.marked)
  with naming_flags():
    assert flag in str(error)
    assert str(error) == name_flags(error.marked)
  assert python in str(error)


def test_a_message_without_parameters_is_as_it_is():
  error = InputError("a {plain} message, 100 % of it")
  assert str(error) == "a {plain} message, 100 % of it"
  with naming_flags():
    assert str(error) == "a {plain} message, 100 % of it"
  assert str(InputError()) == ""


def test_a_message_that_quotes_another_keeps_its_parameters():
  inner = InputError(f"give another {parameter('out')}")
  outer = InputError(f"a.npz: {inner.marked}")
  assert str(outer) == "a.npz: give another out="
  with naming_flags():
    assert str(outer) == "a.npz: give another --out"


def test_an_error_may_go_to_another_process():
  again = pickle.loads(pickle.dumps(InputError(f"give {parameter('zoo')}")))
  assert str(again) == "give zoo="
  with naming_flags():
    assert str(again) == "give --zoo"


def _strings(tree):
  """Strings of the code; docstrings are for readers of the code."""
  docs = {
    id(node.body[0].value)
    for node in ast.walk(tree)
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    and node.body
    and isinstance(node.body[0], ast.Expr)
  }
  for node in ast.walk(tree):
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    if is_text and id(node) not in docs:
      yield node.value


@pytest.mark.parametrize(
  "path",
  [
    name
    for name in (str(path.relative_to(PACKAGE)) for path in FILES)
    if name not in PRINTED and not name.startswith("commands/")
  ],
)
def test_only_the_commands_write_flags(path):
  found = [
    text
    for text in _strings(tree_of(PACKAGE / path))
    if any(name.removeprefix("no") in FLAGS for name in re.findall(r"--(\w+)", text))
  ]
  assert not found, "name the parameter: lead_jax.checks.parameter"


def test_a_worker_s_thread_names_flags_too():
  error = InputError(f"give {parameter('zoo')}")
  found = []
  with naming_flags():
    thread = threading.Thread(target=lambda: found.append(str(error)))
    thread.start()
    thread.join()
  assert found == ["give --zoo"]
  assert str(error) == "give zoo="
