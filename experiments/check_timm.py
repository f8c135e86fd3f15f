"""`python -m experiments.check_timm --models=test_vit,...`: timm in JAX or in torch.

Each model of timm gets random weights (nothing is fetched), is exported, and compared with
torch's own forward pass; without `--models` one or two of many families. The table, of
Markdown, says which run in JAX, by which of torch's exporters, how far from torch (share of
the largest value), and what failed (docs/timm.md). Needs `pip install 'lead_jax[torch]'`.
"""

import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, cast

from absl import flags

from lead_jax.backbones import Backbone
from lead_jax.checks import InputError, one_line
from lead_jax.commands import end_well, read_flags
from lead_jax.readers import read_json

MODELS = (
  *("vgg11", "resnet18", "resnetv2_50", "resnet50_clip", "seresnet33ts", "skresnet18"),
  *("res2net50_26w_4s", "densenet121", "rdnet_tiny", "inception_v3", "dla34"),
  *("hrnet_w18_small", "cs3darknet_s", "ese_vovnet19b_dw", "hgnetv2_b0", "test_nfnet"),
  *("repvgg_a0", "regnety_002", "mobilenetv2_050", "mobilenetv3_small_050", "lcnet_050"),
  *("mobilenetv4_conv_small", "ghostnet_100", "tf_efficientnetv2_b0", "repvit_m0_9"),
  *("convnext_atto", "convnextv2_atto", "starnet_s1", "mambaout_femto", "poolformer_s12"),
  *("edgenext_xx_small", "mobilevit_xxs", "mobilevitv2_050", "fastvit_t8", "levit_128s"),
  *("efficientformer_l1", "efficientformerv2_s0", "efficientvit_b0", "efficientvit_m0"),
  *("vit_tiny_patch16_224", "vit_relpos_small_patch16_224", "vit_small_patch16_dinov3"),
  *("deit_tiny_distilled_patch16_224", "cait_xxs24_224", "eva02_tiny_patch14_224"),
  *("beit_base_patch16_224", "naflexvit_base_patch16_gap", "xcit_nano_12_p16_224"),
  *("convit_tiny", "crossvit_tiny_240", "pit_ti_224", "tnt_s_patch16_224", "volo_d1_224"),
  *("swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "test_maxvit"),
  *("coatnet_pico_rw_224", "convformer_s18", "coat_tiny", "davit_tiny", "gcvit_xxtiny"),
  *("focalnet_tiny_srf", "hiera_tiny_224", "mvitv2_tiny", "nest_tiny", "pvt_v2_b0"),
  *("tiny_vit_5m_224", "twins_svt_small", "visformer_tiny", "mixer_s32_224"),
  *("resmlp_12_224", "gmlp_s16_224", "sequencer2d_s"),
)  # fmt: skip
_HEAD = "| model | parameters | runs in | exporter | from torch | what failed |"
_RULE = "|---|---|---|---|---|---|"

FLAGS = flags.FlagValues()
_MODELS = flags.DEFINE_list(
  "models", list(MODELS), "Names of timm, without tags.", flag_values=FLAGS
)


def randomise(network: Any, seed: int) -> None:
  """Gives norms, scales and offsets values that show; timm starts many of them at 0."""
  import torch

  generator = torch.Generator().manual_seed(seed)
  for name, value in network.state_dict().items():
    if not value.is_floating_point() or value.ndim != 1:
      continue
    if name.endswith(("bias", "running_mean")):
      value.normal_(std=0.1, generator=generator)
    else:
      value.uniform_(0.5, 1.5, generator=generator)


def check(names: Sequence[str], folder: pathlib.Path) -> Iterator[str]:
  """Yields a row of the table for each model."""
  import timm
  import torch

  from lead_jax.backbones import timm_model

  for name in names:
    torch.manual_seed(0)
    cache = folder / name
    cache.mkdir()
    try:
      network = timm.create_model(name)
      randomise(network, seed=0)
      torch.save(network.state_dict(), cache / "weights.pth")
      spec = timm_model(
        name, weights=cache / "weights.pth", cache_dir=cache, warn=lambda line: None
      )
      backbone = cast(Backbone, spec.load())
    except (InputError, RuntimeError) as error:
      yield f"| {name} | | not | | | {one_line(error, most=200)} |"
    else:
      (path,) = cache.glob("timm/*/export.json")
      record = read_json(path)
      distance = record["relative_error"]
      cells = (
        name,
        f"{(backbone.num_params or 0) / 1e6:.1f} M",
        backbone.architecture.rpartition(" ")[2],
        record["exporter"] or "",
        "" if distance is None else f"{distance:.0e}",
        record["reason"],
      )
      yield f"| {' | '.join(cells)} |"
    shutil.rmtree(cache)


def main(argv: Sequence[str]) -> int:
  """Prints the table, row by row; returns the exit code."""
  return end_well("experiments.check_timm", lambda: _print_table(argv))


def _print_table(argv: Sequence[str]) -> int:
  if read_flags(FLAGS, __doc__, argv) is None:
    return 0
  print(f"{_HEAD}\n{_RULE}")
  with tempfile.TemporaryDirectory() as folder:
    for row in check(_MODELS.value, pathlib.Path(folder)):
      print(row, flush=True)
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv))
