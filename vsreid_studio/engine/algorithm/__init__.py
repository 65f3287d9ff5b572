"""The paper: Algorithms 1 to 3 and the merge."""
