"""Runs without a window: a video and first masks in, a folder of masks out."""
