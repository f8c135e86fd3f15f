"""Settings for every test: strict shapes, both precisions, no network."""

import gc
import os
import pathlib
import socket

import jax
import pytest
from jaxtyping import install_import_hook

from tests import house, shapes

# Shapes in signatures are checked at every call, in every test.
install_import_hook(
  [f"lead_jax.{room}" for room in house.MATHEMATICS], f"{shapes.__name__}.check_arrays"
)

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"

jax.config.update("jax_numpy_rank_promotion", "raise")
# Tests compile much and compute little: two thirds of their time are spared. XLA reads its
# flags at the first computation; commands that tests start inherit them.
jax.config.update("jax_disable_most_optimizations", True)
_QUICK = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_QUICK}".strip()


@pytest.fixture(params=[False, True], ids=["x32", "x64"])
def x64(request):
  """Runs the test in float32 and again with 64-bit types enabled."""
  with jax.enable_x64(request.param):
    yield request.param


@pytest.fixture(scope="session", autouse=True)
def _modules_stay():
  """Takes what is imported by now out of what Python's collector looks through."""
  gc.collect()
  gc.freeze()
  yield
  gc.unfreeze()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
  def refuse(self, address):
    host = address[0] if isinstance(address, tuple) else address
    if self.family == socket.AF_UNIX or host in ("127.0.0.1", "localhost", "::1"):
      return original(self, address)
    raise OSError(f"tests must not reach the network: {address}")

  original = socket.socket.connect
  monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def shared():
  """The development folder beside the checkout; tests that need it skip without it."""
  if not SHARED.is_dir():
    pytest.skip("../shared (development data) is not beside this checkout")
  return SHARED
