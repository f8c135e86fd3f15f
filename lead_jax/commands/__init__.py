"""The console commands; the only modules that know flags."""
