"""What builds and runs the networks: weights, inference, flow, caches, threads."""
