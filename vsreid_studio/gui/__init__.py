"""The window: everything that shows or asks. The only room that imports Qt."""
