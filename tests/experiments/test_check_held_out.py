"""The table of leave-one-out formulas says what the documentation says of it."""

from experiments import check_held_out


def test_the_contour_is_exact_and_the_formula_is_not():
  lines = [line.split() for line in check_held_out.table().splitlines()[1:]]
  for _, in_float64, in_float32, _, _ in lines:
    assert float(in_float64) < 1e-12
    assert float(in_float32) < 1e-4
  formula = {line[0]: float(line[3]) for line in lines}
  assert formula["1"] > 0.01
  assert formula["100"] > 1
