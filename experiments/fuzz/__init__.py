"""Damaged inputs of every kind, put through the doors that users put theirs through."""
