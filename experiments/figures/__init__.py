"""Figures of the papers and beyond, from our own runs: `python -m experiments.figures`.

`table` names them; `material` is what they are made of; each other module is one figure,
or what several share; `write` makes and keeps them.
"""
