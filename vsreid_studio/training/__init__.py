"""Training of the networks, one command each; needs the extra `train`."""
