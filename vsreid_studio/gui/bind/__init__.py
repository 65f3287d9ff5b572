"""Between the document and each widget: the widgets know no session, the session knows no widget."""

from .canvas import CanvasBinder
from .panels import ClipBinder, InstanceBinder
from .review import ReviewBinder
from .timeline import TimelineBinder

__all__ = ["CanvasBinder", "ClipBinder", "InstanceBinder", "ReviewBinder", "TimelineBinder"]
