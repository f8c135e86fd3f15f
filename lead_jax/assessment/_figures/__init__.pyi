from ._draw import (
  draw_figures as draw_figures,
)
