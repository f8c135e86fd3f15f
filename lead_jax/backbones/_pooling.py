"""How values of several positions become one row of features, by name."""

from typing import Literal, get_args

from lead_jax.checks import InputError, shown

# The first of a sequence's tokens; the mean of its tokens; the mean over height and width.
Pooling = Literal["cls", "mean", "gap"]


def check_pooling(pooling: str | None, source: str) -> None:
  """Refuses what is no pooling; None is that there is none.

  Raises:
    InputError: Naming those that there are.
  """
  if pooling is not None and pooling not in get_args(Pooling):
    raise InputError(
      f"{source}: 'pooling' is {shown(repr(pooling), most=40)}, not cls (first token), "
      "mean (over tokens) or gap (over height and width)"
    )
