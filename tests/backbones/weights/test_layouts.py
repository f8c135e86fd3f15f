"""Each published layout, from a file of its structure to ResNet-50's names."""

import pickle

import numpy as np
import pytest

from lead_jax.backbones._weights._layouts import LAYOUTS, to_torchvision
from lead_jax.backbones._weights._read import read_weights
from lead_jax.backbones.networks._tensors import from_tensors
from lead_jax.checks._errors import InputError
from tests.backbones.weights import files

BLOCKS = (3, 4, 6, 3)


def _convolutions():
  """Names and kernel sizes in the order of torchvision's constructor."""
  found = {"conv1": ("bn1", 7)}
  for group, count in enumerate(BLOCKS, start=1):
    for block in range(count):
      for place, size in ((1, 1), (2, 3), (3, 1)):
        found[f"layer{group}.{block}.conv{place}"] = (
          f"layer{group}.{block}.bn{place}",
          size,
        )
      if block == 0:
        shortcut = f"layer{group}.0.downsample"
        found[f"{shortcut}.0"] = (f"{shortcut}.1", 1)
  return found


def _resnet50():
  """ResNet-50's tensors by torchvision's names, tiny, no two of them equal."""
  rng = np.random.default_rng(0)
  tensors = {}
  for conv, (norm, size) in _convolutions().items():
    tensors[f"{conv}.weight"] = rng.normal(size=(2, 3, size, size)).astype("f4")
    for part in ("weight", "bias", "running_mean", "running_var"):
      tensors[f"{norm}.{part}"] = rng.normal(size=2).astype("f4")
  assert len(tensors) == 53 * 5
  return tensors


NETWORK = _resnet50()
SOME = np.ones((2, 2), np.float32)
COUNT = np.array(5)


def _state(prefix, tensors=NETWORK):
  """A state dictionary with the counters that torch adds."""
  state = {f"{prefix}{name}": value for name, value in tensors.items()}
  state |= {
    f"{prefix}{norm}.num_batches_tracked": COUNT for norm, _ in _convolutions().values()
  }
  return state


def _optimizer():
  group = {"lr": 0.03, "params": [140191, 140192], "nesterov": False}
  return {"state": {140191: {"momentum_buffer": SOME}}, "param_groups": [group]}


def _moco(mlp):
  head = {"fc.0.weight": SOME, "fc.2.bias": SOME} if mlp else {"fc.weight": SOME}
  copy = {name: value + 1 for name, value in NETWORK.items()}
  state = {"module.queue": SOME, "module.queue_ptr": COUNT}
  state |= _state("module.encoder_q.", NETWORK | head)
  state |= _state("module.encoder_k.", copy | head)
  return {
    "epoch": 200,
    "arch": "resnet50",
    "state_dict": state,
    "optimizer": _optimizer(),
  }


def _pcl(mlp):
  """As published: without what only training needs (salesforce/PCL, issue 10)."""
  saved = _moco(mlp)
  state = saved["state_dict"]
  return {"state_dict": {n: v for n, v in state.items() if "encoder_q." in n}}


def _swav(prototypes):
  head = {f"projection_head.{place}.weight": SOME for place in (0, 1, 3)}
  return _state("module.", NETWORK | head | dict.fromkeys(prototypes, SOME))


def _pycontrast(jigsaw):
  options = files.Call("argparse.Namespace", (), pickle.NEWOBJ)
  model = _state("module.encoder.") | {"module.head.0.weight": SOME}
  saved = {"opt": options, "epoch": 800, "optimizer": _optimizer()}
  saved["contrast"] = {"memory": SOME}
  if jigsaw:
    heads = ("head.2.weight", "head_jig.fc1.0.weight", "head_jig.fc2.bias")
    model |= {f"module.{name}": SOME for name in heads}
    saved["model_ema"] = _state("encoder.")
    saved["amp"] = {"loss_scaler0": {"loss_scale": 65536.0, "unskipped": 1}}
  return {"model": model, **saved}


def _byol():
  haiku = "haiku._src.data_structures.FlatMapping"
  params, state = {}, {}
  for conv, (norm, _) in _convolutions().items():
    ours = conv.split(".")
    inside = ""
    kind = "initial_{}"
    if len(ours) > 1:
      inside = f"block_group_{int(ours[0][5]) - 1}/~/block_{ours[1]}/~/"
      is_shortcut = ours[2] == "downsample"
      kind = "shortcut_{}" if is_shortcut else f"{{}}_{int(ours[2][4]) - 1}"
    module = f"res_net50/~/{inside}{kind}"
    kernel = NETWORK[f"{conv}.weight"].transpose(2, 3, 1, 0)
    params[module.format("conv")] = {"w": np.ascontiguousarray(kernel)}
    wide = {
      part: NETWORK[f"{norm}.{part}"].reshape(1, 1, 1, -1)
      for part in ("weight", "bias", "running_mean", "running_var")
    }
    bn = module.format("batchnorm")
    params[bn] = {"scale": wide["weight"], "offset": wide["bias"]}
    for average, part in (("mean_ema", "running_mean"), ("var_ema", "running_var")):
      hidden = {"hidden": wide[part] + 1, "counter": COUNT, "average": wide[part]}
      state[f"{bn}/~/{average}"] = hidden
  for name in ("projector/linear", "predictor/linear_1", "classifier"):
    params[name] = {"w": SOME, "b": SOME}
  state["projector/batch_norm/~/mean_ema"] = {"average": SOME, "hidden": SOME}

  def mapping(flat):
    inner = {name: files.Call(haiku, (arrays,)) for name, arrays in flat.items()}
    return files.Call(haiku, (inner,))

  def named_tuple(name, fields, values):
    made = files.Call("dill._dill._create_namedtuple", (name, fields, "byol.x"))
    return files.Call(made, tuple(values), pickle.NEWOBJ)

  target = {
    name: {part: a + 1 for part, a in arrays.items()} for name, arrays in params.items()
  }
  fields = (
    "online_params",
    "target_params",
    "online_state",
    "target_state",
    "opt_state",
  )
  lars = named_tuple("ScaleByLarsState", ("mu",), [mapping(target)])
  trees = [mapping(params), mapping(target), mapping(state), mapping(state), (lars,)]
  return {
    "experiment_state": named_tuple("_ByolExperimentState", fields, trees),
    "step": np.float32(3),
    "rng": np.zeros(2, np.uint32),
  }


def _simclr(version):
  """Variables as the authors' code numbers them: a block's shortcut comes first."""
  order = ["conv1"]
  for group, count in enumerate(BLOCKS, start=1):
    for block in range(count):
      names = ("downsample.0", "conv1", "conv2", "conv3")[block > 0 :]
      order += [f"layer{group}.{block}.{name}" for name in names]
  saved = {"global_step": COUNT, "head_supervised/linear_layer/dense/kernel": SOME}
  if version == 2:
    saved["head_contrastive/nl_0/dense/kernel"] = SOME
    saved["head_contrastive/nl_0/batch_normalization/moving_mean"] = SOME
  for number, conv in enumerate(order):
    suffix = f"_{number}" if number else ""
    norm = _convolutions()[conv][0]
    kernel = NETWORK[f"{conv}.weight"].transpose(2, 3, 1, 0)
    saved[f"base_model/conv2d{suffix}/kernel"] = kernel
    if version == 2:
      saved[f"base_model/conv2d{suffix}/kernel/Momentum"] = kernel + 1
      saved[f"ema_model/base_model/conv2d{suffix}/kernel"] = kernel + 2
    for theirs, part in (
      ("gamma", "weight"),
      ("beta", "bias"),
      ("moving_mean", "running_mean"),
      ("moving_variance", "running_var"),
    ):
      name = f"base_model/batch_normalization{suffix}/{theirs}"
      saved[name] = NETWORK[f"{norm}.{part}"]
  return saved


HEADS = [f"prototypes.prototypes{number}.weight" for number in range(3)]

# How each of the twelve is published: its content, and the file that holds it (none where
# TensorFlow writes it: `test_tensorflow` has such files).
PUBLISHED = {
  "byol": (_byol(), files.pickled),
  "infomin": (_pycontrast(jigsaw=True), files.torch_legacy),
  "pcl_v1": (_pcl(mlp=False), files.torch_legacy),
  "pcl_v2": (_pcl(mlp=True), files.torch_legacy),
  "sela_v2": (_swav(HEADS), files.torch_legacy),
  "insdis": (_pycontrast(jigsaw=False), files.torch_legacy),
  "simclr_v1": (_simclr(1), None),
  "simclr_v2": (_simclr(2), None),
  "moco_v1": (_moco(mlp=False), files.torch_legacy),
  "moco_v2": (_moco(mlp=True), files.torch_zip),
  "deepcluster_v2": (_swav(HEADS), files.torch_legacy),
  "swav": (_swav(["prototypes.weight"]), files.torch_zip),
}


def _read(layout, tmp_path):
  content, write = PUBLISHED[layout]
  if write is None:
    return content
  path = tmp_path / layout
  path.write_bytes(write(content))
  return read_weights(path)


def test_all_self_supervised_layouts_are_tested():
  assert len(PUBLISHED) == 12
  assert set(PUBLISHED) == set(LAYOUTS) - {"torchvision", "timm"}


@pytest.mark.parametrize("layout", PUBLISHED)
def test_self_supervised(layout, tmp_path):
  tensors = to_torchvision(_read(layout, tmp_path), layout, source="x")
  assert tensors.keys() == NETWORK.keys()
  for name, value in tensors.items():
    assert value.dtype == np.float32
    np.testing.assert_array_equal(value, NETWORK[name], err_msg=name)


@pytest.mark.parametrize("network", ["resnet50", "resnet50_simclr", "resnet50_byol"])
def test_these_are_the_names_of_the_networks(network):
  with pytest.raises(InputError) as error:
    from_tensors(network, NETWORK, source="x")
  assert "missing" not in str(error.value)
  assert "unused" not in str(error.value)
  assert "of another shape" in str(error.value)  # The test's are tiny.


@pytest.mark.parametrize("layout", PUBLISHED)
def test_unknown_tensors_are_passed_on(layout, tmp_path):
  raw = _read(layout, tmp_path)
  first = next(name for name in raw if "head" not in name)
  strange = first.replace("conv", "odd").replace("res_net50", "odd") + ".odd"
  tensors = to_torchvision(raw | {strange: SOME}, layout, source="x")
  assert len(tensors) == len(NETWORK) + 1


def test_simclr_numbers_as_published():
  """Shapes that others found in the published files: 1 and 4 are 1x1 to 4 widths."""
  saved = _simclr(1)
  by_number = {
    number: saved[f"base_model/conv2d_{number}/kernel"] for number in range(1, 6)
  }
  for number, name in enumerate(("downsample.0", "conv1", "conv2", "conv3"), start=1):
    ours = NETWORK[f"layer1.0.{name}.weight"]
    np.testing.assert_array_equal(by_number[number].transpose(3, 2, 0, 1), ours)
  ours = NETWORK["layer1.1.conv1.weight"]
  np.testing.assert_array_equal(by_number[5].transpose(3, 2, 0, 1), ours)
  assert "base_model/conv2d_53/kernel" not in saved


def test_simclr_of_another_network():
  saved = _simclr(1)
  saved["base_model/conv2d_53/kernel"] = SOME
  with pytest.raises(InputError, match=r"conv2d to conv2d_52.*54 of them.*number 53"):
    to_torchvision(saved, "simclr_v1", source="x")
  saved = _simclr(1)
  first, second = "base_model/conv2d_2/kernel", "base_model/conv2d_3/kernel"
  saved[first], saved[second] = saved[second], saved[first]
  with pytest.raises(InputError, match=r"layer 2 should be layer1.0.conv1, 1x1"):
    to_torchvision(saved, "simclr_v1", source="x")


@pytest.mark.parametrize(
  ("given", "layout", "seen"),
  [
    ("pcl_v1", "moco_v2", "pcl_v1 or moco_v1"),
    ("moco_v2", "pcl_v1", "pcl_v2 or moco_v2"),
    ("simclr_v2", "simclr_v1", "simclr_v2"),
    ("simclr_v1", "simclr_v2", "simclr_v1"),
    ("infomin", "insdis", "infomin"),
    ("insdis", "infomin", "insdis"),
    ("swav", "deepcluster_v2", "sela_v2 or swav"),
    ("deepcluster_v2", "swav", "sela_v2 or deepcluster_v2"),
    ("byol", "swav", "byol"),
    ("infomin", "torchvision", "infomin"),
  ],
)
def test_another_layout_is_named(given, layout, seen, tmp_path):
  with pytest.raises(InputError) as error:
    to_torchvision(_read(given, tmp_path), layout, source="file.pth")
  assert str(error.value) == f"file.pth: looks like {seen}, not {layout}"


def test_no_layout_at_all():
  with pytest.raises(
    InputError, match=r"moco_v1 files have module.encoder_q.*1 arrays"
  ):
    to_torchvision({"odd": SOME}, "moco_v1", source="x")
  with pytest.raises(
    InputError, match=r"no layout 'moco': there are torchvision, timm"
  ):
    to_torchvision({"odd": SOME}, "moco", source="x")


@pytest.mark.parametrize("wrapper", ["", "state_dict.", "model.module."])
def test_torchvision(wrapper):
  aux = {"AuxLogits.fc.weight": SOME, "aux1.conv.conv.weight": SOME, "fc.weight": SOME}
  raw = _state(wrapper, NETWORK | aux)
  tensors = to_torchvision(raw, "torchvision", source="x")
  assert tensors.keys() == {*NETWORK, "fc.weight"}


def test_old_densenet_names():
  old = "features.denseblock1.denselayer12"
  raw = {"features.conv0.weight": SOME, f"{old}.norm.1.running_mean": SOME}
  raw |= {f"{old}.conv.2.weight": SOME, "features.transition1.conv.weight": SOME}
  assert to_torchvision(raw, "torchvision", source="x").keys() == {
    "features.conv0.weight",
    f"{old}.norm1.running_mean",
    f"{old}.conv2.weight",
    "features.transition1.conv.weight",
  }
