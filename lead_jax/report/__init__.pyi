from ._html._page import (
  as_html as as_html,
)
from ._latex import (
  as_latex as as_latex,
)
from ._markdown import (
  as_markdown as as_markdown,
)
from ._models import (
  render_models as render_models,
)
from ._progress import (
  LiveProgress as LiveProgress,
  PlainProgress as PlainProgress,
)
from ._summary import (
  Summary as Summary,
  summarise as summarise,
)
from ._terminal import (
  render as render,
)
