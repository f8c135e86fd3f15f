"""An extraction of 5,000 images, killed at random: at most one chunk is done again."""

import pathlib
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from experiments.reliability.cases import Found
from lead_jax.backbones import Backbone, InputSpec
from lead_jax.data import Dataset
from lead_jax.features import CHUNK, FeatureStore, extract

IMAGES = 5000
_BATCH = 50


def kill(case: int, folder: pathlib.Path) -> Found:
  """Kills an extraction in a process of its own, and ends it in this one.

  Args:
    case: Its number.
    folder: For the store, which is removed.
  """
  draw = random.Random(case)
  place = folder / "extraction"
  shutil.rmtree(place, ignore_errors=True)
  upto, done = draw.randrange(_BATCH, IMAGES + 1), 0
  command = [sys.executable, "-m", __name__, str(place)]
  with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
    assert child.stdout is not None
    for line in child.stdout:
      done = int(line)
      if done >= upto:
        time.sleep(draw.uniform(0, 0.005))
        child.kill()
        break
    # What it told before it was dead.
    done = max([done, *map(int, child.stdout)])
  told: list[int] = []
  found = _extract(place, lambda count: told.append(count))
  again = 0 if len(told) == 1 else IMAGES - (told[0] - (told[1] - told[0]))
  lost = done - (IMAGES - again)
  wrong = [] if np.array_equal(found, _extract(None, lambda count: None)) else ["rows"]
  left = [str(path) for path in place.rglob(".*.tmp")]
  kind = f"killed after {done} images, {max(lost, 0)} done again"
  shutil.rmtree(place, ignore_errors=True)
  return Found("extractions", case, kind, [kind] if lost > CHUNK else [], wrong, left)


def _extract(place: pathlib.Path | None, told: Callable[[int], object]) -> np.ndarray:
  """Extracts features, by the store of a folder."""
  images = np.random.default_rng(0).integers(0, 256, (IMAGES, 8, 8, 3), np.uint8)

  def read(index: int) -> np.ndarray:
    return images[index]

  labels = (np.arange(IMAGES) % 10).astype(np.int32)
  names = tuple("abcdefghij")
  w = np.random.default_rng(1).standard_normal((192, 16)).astype(np.float32)
  network = lambda params, x: {"features": x.reshape(x.shape[0], -1) @ params["w"]}
  backbone = Backbone("net", network, {"w": w}, InputSpec(8, 8), weights_hash="ab" * 32)
  return np.array(
    extract(
      backbone,
      Dataset("images", "all", labels, names, "print", read),
      batch_size=_BATCH,
      store=None if place is None else FeatureStore(place / "features"),
      progress=lambda done, total: told(done),
    ).features
  )


if __name__ == "__main__":
  _extract(pathlib.Path(sys.argv[1]), lambda count: print(count, flush=True))
