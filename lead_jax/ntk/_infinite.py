"""The infinite-width kernel of the MLP head, by neural-tangents' `stax`.

The limit against which finite heads are tested. Jacot et al., "Neural Tangent Kernel:
Convergence and Generalization in Neural Networks", 2018; Sohl-Dickstein et al., "On the
infinite width limit of neural networks with a standard parameterization", 2020: in the
standard parameterisation the layers' widths stay in the formula as the scale of each
layer's contribution, so this is the limit of a He-initialised head of *these* widths.
"""

from collections.abc import Callable
from typing import Any

from lead_jax.checks import check_arguments
from lead_jax.ntk import _contract as contract, _neural_tangents as neural_tangents
from lead_jax.typing import Array, ArrayLike, Float

_SQRT_2 = 2.0**0.5


@check_arguments()
def infinite_width_kernel(
  x1: ArrayLike,
  x2: ArrayLike | None = None,
  *,
  num_classes: int,
  hidden: tuple[int, ...] = (1024, 2048),
) -> Float[Array, "n1 n2"]:
  """Computes the limit of the summed-logit kernel of He-normal heads with zero biases.

  Args:
    x1: Features [N1, D].
    x2: Features [N2, D]; `x1` where None.
    num_classes: K; the kernel of one logit is multiplied by it, since logits decouple.
    hidden: Hidden widths.

  Returns:
    The kernel; its diagonal equals `expected_head_kernel_diagonal`.

  Raises:
    InputError: If features are not [N, D], a width is no number of units, or
      neural-tangents is not installed (`lead_jax[ntk]`).
  """
  contract.check_widths(hidden)
  x1 = contract.as_features(x1, "x1")
  x2 = None if x2 is None else contract.as_features(x2, "x2", x1.shape[1])
  stax = neural_tangents.load("infinite_width_kernel").stax
  dense: Callable[[int], Any] = lambda width: stax.Dense(
    width, W_std=_SQRT_2, b_std=0.0, parameterization="standard"
  )
  layers = [layer for width in hidden for layer in (dense(width), stax.Relu())]
  _, _, kernel_fn = stax.serial(*layers, dense(num_classes))
  kernel: Array = kernel_fn(x1, x2, "ntk")
  return num_classes * kernel
