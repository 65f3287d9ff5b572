"""The document's instances in their panel."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ..conductor import Conductor
from ..instances import InstancePanel
from ..instances.dialogs import ClassDialog

_COUNT_EVERY = 300
"""Milliseconds between two counts while a run changes cells all the time."""


class InstanceBinder(QObject):
    """Keeps the panel true, and does what it asks for.

    Attributes:
        panel: the widget.

    Signals:
        told(sentence): information for the person.
    """

    told = Signal(str)

    def __init__(self, panel: InstancePanel, conductor: Conductor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self._session = session = conductor.session
        self._classes: ClassDialog | None = None
        for signal in (session.instances_changed, session.failed):
            signal.connect(self._show_listed)
        session.closed.connect(self._close_listed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COUNT_EVERY)
        self._timer.timeout.connect(self._count)
        for signal in (session.opened, session.instances_changed, session.closed):
            signal.connect(self._show)
        session.changed.connect(self._count_soon)
        session.selection_changed.connect(panel.set_selected)
        panel.selected.connect(session.select)
        panel.add_requested.connect(session.instance_edits.add_instance)
        panel.renamed.connect(session.instance_edits.rename)
        panel.recoloured.connect(session.instance_edits.recolour)
        panel.hidden_changed.connect(session.instance_edits.hide)
        panel.locked_changed.connect(session.instance_edits.lock)
        panel.moved.connect(self._move)
        panel.delete_requested.connect(session.instance_edits.delete)
        panel.merge_requested.connect(session.instance_edits.merge)
        panel.class_requested.connect(session.instance_edits.set_class)
        panel.classes_requested.connect(self.show_classes)
        panel.told.connect(self.told)
        panel.absent_requested.connect(lambda k: session.mask_edits.mark_absent(k, [session.frame]))
        panel.delete_range_requested.connect(lambda k, *frames: session.mask_edits.clear_range([k], *frames))
        for signal in (session.opened, session.range_changed, session.frame_changed):
            signal.connect(self._tell_frames)
        self._show()

    def show_classes(self) -> ClassDialog:
        """Show the list of classes, beside the window."""
        self._close_listed()
        session = self._session
        dialog = ClassDialog(session.categories, self.panel)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.added.connect(lambda name: session.instance_edits.add_classes({1: name}))
        dialog.renamed.connect(session.instance_edits.rename_class)
        dialog.removed.connect(session.instance_edits.remove_class)
        dialog.import_requested.connect(session.instance_edits.import_classes)
        dialog.export_requested.connect(self._export_classes)
        dialog.destroyed.connect(partial(self._forget, dialog))
        self._classes = dialog
        dialog.show()
        return dialog

    def _forget(self, dialog: ClassDialog) -> None:
        if self._classes is dialog:
            self._classes = None

    def _show_listed(self) -> None:
        """Also what was refused: the list is as it was."""
        if self._classes is not None:
            self._classes.set_classes(self._session.categories)

    def _close_listed(self) -> None:
        if self._classes is not None:
            self._classes.close()

    def _export_classes(self, path: Path) -> None:
        self._session.instance_edits.export_classes(
            path, lambda: self.told.emit(f"The list of classes is in {path}.")
        )

    def _show(self) -> None:
        self.panel.set_classes(self._session.categories)
        self.panel.set_instances(self._session.instances)
        self.panel.set_selected(self._session.selected)
        self._count()

    def _count_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _count(self) -> None:
        if self._session.document is None:
            return
        annotation = self._session.annotation
        masks = {k: annotation.count_masks(k) for k in self._session.instances}
        self.panel.set_counts({k: _words(n, len(annotation.checkpoints(k))) for k, n in masks.items()})

    def _move(self, instance: int, place: int) -> None:
        order = [k for k in self._session.instances if k != instance]
        order.insert(place, instance)
        self._session.instance_edits.reorder(order)

    def _tell_frames(self) -> None:
        session = self._session
        if session.document is not None:
            self.panel.set_frames(session.video.length, session.range or (session.frame, session.frame))


def _words(masks: int, checkpoints: int) -> str:
    if not masks:
        return "no mask yet"
    first = "1 mask" if masks == 1 else f"{masks} masks"
    return f"{first}, 1 checkpoint" if checkpoints == 1 else f"{first}, {checkpoints} checkpoints"
