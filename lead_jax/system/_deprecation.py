"""Names that have moved, served for a while with a warning that says where they are."""

import warnings


def deprecated(old: str, *, since: str, removed: str, use: str) -> None:
  """Warns the caller's caller that a name has moved.

  `tests/packaging/test_deprecation.py` fails in the version that should have removed it.

  Args:
    old: The name, with its package.
    since: The first version that warns.
    removed: The first version without the name.
    use: What to write in its place.
  """
  warnings.warn(
    f"{old} is deprecated since lead_jax {since} and will be removed in {removed}: use "
    f"{use}",
    DeprecationWarning,
    stacklevel=3,
  )
