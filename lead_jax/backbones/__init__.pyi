from ._backbone import (
  ApplyFn as ApplyFn,
  Backbone as Backbone,
  ModelSpec as ModelSpec,
  ReadyFeatures as ReadyFeatures,
  Stated as Stated,
)
from ._input_doubts import (
  doubting_input as doubting_input,
)
from ._input_spec import (
  InputSpec as InputSpec,
  Interpolation as Interpolation,
)
from ._onnx import (
  load_onnx as load_onnx,
)
from ._precision import (
  low_precision as low_precision,
  with_precision as with_precision,
)
from ._predicted_cost import (
  predicted_costs as predicted_costs,
)
from ._resolve import (
  resolve_models as resolve_models,
)
from ._timm._timm_model import (
  timm_model as timm_model,
)
from ._zoo_file import (
  load_zoo as load_zoo,
)
