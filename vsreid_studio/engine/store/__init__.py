"""The annotation: cells by frame and instance, and changes to them."""
