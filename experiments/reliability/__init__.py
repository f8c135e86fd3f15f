"""Checks that nothing is lost and nothing is wrong after kills, damage and full disks."""
