"""NCE: minus the entropy that the labels keep once the source labels are known.

With Z the network's likeliest source class of a sample,

  NCE = -H(Y | Z) = sum_z,y p(z, y) log p(y | z),   p(z, y) = #{i: z_i = z, y_i = y} / N.

Nearest kin: LEEP, which is at most the log-likelihood gap above it and keeps the source
probabilities soft. PARC's code adds 1e-5 inside the logarithm, PACTran's keeps Z soft and
adds 1e-10: neither is this definition.

References:
  Tran et al., `Transferability and Hardness of Supervised Classification Tasks
  <https://arxiv.org/abs/1908.08142>`_, ICCV 2019.
"""

import math

import jax
import jax.numpy as jnp

from lead_jax.checks import Options, Rule, check_arguments, check_num_classes
from lead_jax.metrics._metric import Problem, Value, own_metric
from lead_jax.typing import Array, Float, Int


@check_arguments(source_probs=Rule(least=0, most=1.01))
def nce(
  source_probs: Float[Array, "n z"], labels: Int[Array, " n"], *, num_classes: int
) -> Float[Array, ""]:
  """Computes minus the conditional entropy of the labels given the source labels.

  Args:
    source_probs: Of each sample over the source classes; only the largest of a row
      counts, the first of equals.
    labels: Class ids in `[0, num_classes)`; a class may be empty.
    num_classes: Static K; at least two.

  Returns:
    -H(Y | Z) in nats, in `[-log K, 0]`; larger is better.

  Raises:
    ValueError: If `num_classes` is below two.

  References:
    Tran et al., 2019, Eq. 8.
  """
  check_num_classes(num_classes)
  n, z = source_probs.shape
  source_n = _first_largest(source_probs)
  # Whole numbers: exact in any order of summation.
  count_zk = jnp.zeros((z, num_classes), jnp.int32).at[source_n, labels].add(1)
  count_zk = count_zk.astype(source_probs.dtype)
  count_z1 = jnp.sum(count_zk, axis=1, keepdims=True)
  occurs_zk = count_zk > 0
  ratio_zk = jnp.where(occurs_zk, count_zk, 1) / jnp.where(count_z1 > 0, count_z1, 1)
  return jnp.sum(jnp.where(occurs_zk, count_zk * jnp.log(ratio_zk), 0)) / n


def _first_largest(probs_nz: Float[Array, "n z"]) -> Int[Array, " n"]:
  """The argmax of each row, by blocks: on a CPU XLA's maximum is vectorised, argmax not."""
  n, z = probs_nz.shape
  width = next(w for w in range(math.isqrt(z), 0, -1) if z % w == 0)
  blocks_nbw = probs_nz.reshape(n, z // width, width)
  block_n = jnp.argmax(jnp.max(blocks_nbw, axis=2), axis=1)
  inside_nw = jnp.take_along_axis(blocks_nbw, block_n[:, None, None], axis=1)[:, 0]
  return block_n * width + jnp.argmax(inside_nw, axis=1)


_nce = jax.jit(nce, static_argnames="num_classes")


def _compute_nce(problem: Problem, _: Options) -> Value:
  score = _nce(problem.source_probs, problem.labels, num_classes=problem.num_classes)
  return Value(float(score))


NCE = own_metric(
  "nce",
  _compute_nce,
  "minus the entropy of the labels given the likeliest source class",
  "nats",
  "N Z",
  needs=("source_probs",),
)
