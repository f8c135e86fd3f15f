"""Faults put into the mathematics one by one, to see whether a test finds each."""
