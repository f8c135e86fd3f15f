"""Where what is computed or downloaded is kept unless the user says otherwise."""

import os
import pathlib

from lead_jax.system._paths import user_path


def default_cache_dir() -> pathlib.Path:
  """Returns `$LEAD_JAX_CACHE`, or `lead_jax` under the user's cache folder."""
  if named := os.environ.get("LEAD_JAX_CACHE"):
    return user_path(named)
  base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  return user_path(base) / "lead_jax"
