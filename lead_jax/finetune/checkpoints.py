"""The last checkpoint of a run, by orbax: written beside its place, then renamed.

A checkpoint is used only if it belongs to the run (its key) and is what was written (a
SHA-256 over all arrays). Anything else is named in one line, and the run starts anew:
a checkpoint spares time, it is never needed.
"""

import hashlib
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lead_jax.finetune import files


def save(
  folder: pathlib.Path, epoch: int, state: Any, *, key: str, notes: dict[str, Any]
) -> None:
  """Writes a run's state after an epoch and removes the one before.

  Args:
    folder: Of the run's checkpoints.
    epoch: Epochs done.
    state: Pytree of arrays.
    key: The run's.
    notes: JSON values to be kept with it.
  """
  import orbax.checkpoint as ocp

  content = {"key": key, "sha256": _digest(state), "notes": notes}
  with _manager(folder) as manager:
    manager.save(
      epoch,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(state), content=ocp.args.JsonSave(content)
      ),
    )


def restore(
  folder: pathlib.Path, like: Any, *, key: str, warn: Callable[[str], object]
) -> tuple[int, Any, dict[str, Any]] | None:
  """Reads the last checkpoint.

  Args:
    folder: Of the run's checkpoints.
    like: A state of the same shapes, placed as the result shall be.
    key: The run's.
    warn: Told in one line why a checkpoint is not used; it is then removed.

  Returns:
    Epochs done, the state and the notes; None where there is nothing to go on from.
  """
  if not folder.exists():
    return None
  import orbax.checkpoint as ocp

  shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
  try:
    with _manager(folder) as manager:
      epoch = manager.latest_step()
      if epoch is None:
        return None
      found = manager.restore(
        epoch,
        args=ocp.args.Composite(
          state=ocp.args.StandardRestore(shapes), content=ocp.args.JsonRestore()
        ),
      )
    state, content = found["state"], found["content"]
    if content["key"] != key:
      raise ValueError("it belongs to another run")
    if content["sha256"] != _digest(state):
      raise ValueError("its arrays are not those that were written")
    return int(epoch), state, dict(content["notes"])
  # Damaged files make the libraries below raise almost anything.
  except Exception as error:
    reason = (" ".join(str(error).split()) or type(error).__name__)[:160]
    warn(f"checkpoint {folder} cannot be used, its run starts anew: {reason}")
    files.remove(folder)
    return None


def _manager(folder: pathlib.Path):
  import orbax.checkpoint as ocp

  options = ocp.CheckpointManagerOptions(
    max_to_keep=1, enable_async_checkpointing=False
  )
  return ocp.CheckpointManager(folder.absolute(), options=options)


def _digest(state: Any) -> str:
  digest = hashlib.sha256()
  for leaf in jax.tree.leaves(state):
    array = np.asarray(leaf)
    digest.update(f"{array.dtype}{array.shape}".encode())
    digest.update(array.tobytes())
  return digest.hexdigest()
