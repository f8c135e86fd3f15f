"""`python -m experiments.rank photos/ --zoo=zoo.json`: the same program as `lead-rank`."""

from lead_jax.commands.rank import run

if __name__ == "__main__":
  run()
