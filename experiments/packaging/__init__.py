"""The package as users get it: built, installed into nothing, unpacked elsewhere."""
