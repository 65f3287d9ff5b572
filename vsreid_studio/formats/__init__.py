"""Reading and writing masks, data sets and records of a run. Nothing in here may import Qt or torch."""
