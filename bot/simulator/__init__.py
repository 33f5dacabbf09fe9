"""Local servers that speak the venues' own wire formats and play a scenario over loopback HTTP."""
