"""How well metrics rank: the runs behind it, the statistics, and how they are shown."""
