from ._axes import (
  floor_of as floor_of,
)
from ._cost_plot import (
  cost_panels as cost_panels,
)
from ._heatmap_plot import (
  heatmap as heatmap,
)
from ._interval_plot import (
  intervals as intervals,
)
from ._truth_plot import (
  truth_plot as truth_plot,
)
