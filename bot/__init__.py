"""The core of Washout and the process around it."""
