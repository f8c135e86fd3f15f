from ._bars import (
  Lines as Lines,
  LiveBar as LiveBar,
)
from ._comparing import (
  render_comparison as render_comparison,
)
from ._finetune_progress import (
  FinetuneProgress as FinetuneProgress,
)
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
from ._pages import (
  PAGES as PAGES,
  as_csv as as_csv,
  page as page,
  write_pages as write_pages,
)
from ._progress import (
  RankProgress as RankProgress,
)
from ._summary import (
  Summary as Summary,
  summarise as summarise,
)
from ._terminal import (
  render as render,
)
