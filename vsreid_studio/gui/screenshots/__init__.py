"""Pictures of the window in each of its states, so that a person can look at them all at once."""
