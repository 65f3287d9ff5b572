"""Measures the app against its budgets: `python -m vsreid_studio.gui.benchmark`."""
