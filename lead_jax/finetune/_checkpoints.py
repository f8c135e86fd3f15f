"""The last checkpoint of a run, by orbax: written beside its place, then renamed.

```
folder/3/...      what orbax writes: the arrays after three passes
folder/3.json     the run's key, notes, and the SHA-256 of each of those files; written last
```
A checkpoint is used only if it belongs to the run and every file of it is what was written.
Anything else is named in one line, and the run starts anew: a checkpoint spares time, it
is never needed. Files are checked before orbax sees them, since its readers, which work
in the background, complain of damage in many lines.
"""

import pathlib
from collections.abc import Callable
from typing import Any

import jax

from lead_jax.checks import one_line
from lead_jax.finetune import _run_files as files
from lead_jax.system import file_digest


def save(
  folder: pathlib.Path, epoch: int, state: Any, *, key: str, notes: dict[str, Any]
) -> None:
  """Writes a run's state after an epoch, then removes the one before.

  Args:
    folder: Of the run's checkpoints.
    epoch: Epochs done.
    state: Pytree of arrays.
    key: The run's.
    notes: JSON values to be kept with it.

  Raises:
    InputError: If the folder cannot be written.
  """
  import orbax.checkpoint as ocp

  place, note = (folder / str(epoch)).absolute(), _note(folder, epoch)
  # What a session left that was killed while it wrote this.
  for stale in (place, *folder.glob(f"{epoch}.orbax-checkpoint-tmp*")):
    files.remove(stale)
  # Torn apart, orbax's background work would complain of it in many lines.
  with files.undisturbed(), files.reported(place):
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as to:
      to.save(place, args=ocp.args.StandardSave(state))
    content = {"key": key, "notes": notes, "files": _hashes(place)}
    files.write_json(note, content)
    for other in folder.iterdir():
      if other.name not in (place.name, note.name):
        files.remove(other)


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
  epochs = [int(p.stem) for p in folder.glob("*.json") if p.stem.isdecimal()]
  if not epochs:
    return None
  try:
    return _read(folder, max(epochs), like, key)
  # Files that were changed on purpose could make the libraries raise almost anything.
  except Exception as error:
    reason = one_line(error, most=200)
    warn(f"checkpoint {folder} cannot be used, its run starts anew: {reason}")
    files.remove(folder)
    return None


def _read(
  folder: pathlib.Path, epoch: int, like: Any, key: str
) -> tuple[int, Any, dict[str, Any]]:
  content = files.read_json(_note(folder, epoch))
  if content is None:
    raise ValueError(f"{epoch}.json is damaged")
  if content["key"] != key:
    raise ValueError("it belongs to another run")
  place = (folder / str(epoch)).absolute()
  if content["files"] != _hashes(place):
    raise ValueError("its files are not those that were written")
  import orbax.checkpoint as ocp

  shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
  with files.undisturbed(), ocp.Checkpointer(ocp.StandardCheckpointHandler()) as reader:
    state = reader.restore(place, args=ocp.args.StandardRestore(shapes))
  return epoch, state, dict(content["notes"])


def _note(folder: pathlib.Path, epoch: int) -> pathlib.Path:
  return folder / f"{epoch}.json"


def _hashes(place: pathlib.Path) -> dict[str, str]:
  return {
    path.relative_to(place).as_posix(): file_digest(path)
    for path in sorted(place.rglob("*"))
    if path.is_file()
  }
