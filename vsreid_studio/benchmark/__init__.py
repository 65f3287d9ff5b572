"""Makers of clips with exact truth: re-identification needs objects that vanish, return and cross.

Real footage seldom shows an object that is gone for twenty frames, so that loss is pasted in: everything
that was pasted is known to the pixel, hence the truth stays as exact as that of the source.
"""
