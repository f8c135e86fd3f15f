"""`python -m experiments.evaluate --zoo=Z --data=DIR ...`: the program `lead-evaluate`."""

from lead_jax.commands.evaluate import run

if __name__ == "__main__":
  run()
