"""Names that have moved are served with a warning, and only until their time is up."""

import ast

import pytest
from packaging.version import Version

import lead_jax
from lead_jax import ntk
from tests import house

CALLS = [
  {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
  | {"old": ast.literal_eval(node.args[0])}
  for path in house.FILES
  for node in ast.walk(house.tree_of(path))
  if isinstance(node, ast.Call)
  and isinstance(node.func, ast.Name)
  and node.func.id == "deprecated"
]


def test_the_calls_are_found():
  assert "lead_jax.heads" in [call["old"] for call in CALLS]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["old"])
def test_what_has_been_announced_is_removed_in_time(call):
  assert Version(call["since"]) <= Version(lead_jax.__version__), "announced too early"
  assert Version(call["since"]) < Version(call["removed"])
  assert Version(lead_jax.__version__) < Version(call["removed"]), (
    f"remove {call['old']}, as announced"
  )


def test_heads_is_served_from_where_it_is_now():
  message = (
    r"lead_jax.heads is deprecated since lead_jax 0.1 .* in 0.3: use lead_jax.ntk"
  )
  with pytest.warns(DeprecationWarning, match=message) as caught:
    from lead_jax import heads
  assert heads is ntk
  assert caught[0].filename == __file__
  for name in ("MLPHead", "LayerScales", "apply_head", "head_layers", "init_head"):
    assert hasattr(heads, name)


def test_other_names_are_unknown_as_ever():
  with pytest.raises(AttributeError, match="nothing"):
    lead_jax.nothing
