"""vsreid-studio: cut objects out of video with VS-ReID, with a person as the judge."""

__version__ = "0.1.0"
