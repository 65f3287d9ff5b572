"""The panel of instances: the list, its buttons, and the questions before something goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import (
    QColorDialog,
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...project import Instance
from ..theme import shortened, tip
from ..widgets import reveal
from .actions import InstanceActions
from .dialogs import QuestionStrip
from .model import InstanceModel
from .view import InstanceView, RowPart

_NAME_LETTERS = 30
"""Letters of a class that the field for it has room for."""


class InstancePanel(QWidget):
    """Lists the instances and asks for what is to be done to them; changes nothing itself.

    Attributes:
        actions_: everything it can do, with keys.
        view: the list.
        question: asks before an instance goes.

    Signals:
        selected (int): another instance was chosen by the person.
        add_requested (): a new one is wanted.
        renamed (int, str), recoloured (int, str): its new name or colour '#rrggbb'.
        hidden_changed (int, bool), locked_changed (int, bool): its new state.
        moved (int, int): its new place in the list, from 0.
        delete_requested (int): it is to go from all frames; the person confirmed.
        merge_requested (int, int): the first becomes part of the second; the person confirmed.
        delete_range_requested (int, int, int): its masks are to go from the first frame to the last; the
            person confirmed.
        absent_requested (int): it is not in the present frame.
        class_requested (int, object): it gets the class of a name, or with None no class.
        classes_requested (): the list of classes is to be shown.
        notified (str): why nothing was done.
    """

    selected = Signal(int)
    add_requested = Signal()
    renamed = Signal(int, str)
    recoloured = Signal(int, str)
    hidden_changed = Signal(int, bool)
    locked_changed = Signal(int, bool)
    moved = Signal(int, int)
    delete_requested = Signal(int)
    merge_requested = Signal(int, int)
    delete_range_requested = Signal(int, int, int)
    absent_requested = Signal(int)
    class_requested = Signal(int, object)
    classes_requested = Signal()
    notified = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._instances: Mapping[int, Instance] = {}
        self._chosen: int | None = None
        self._length, self._frames = 1, (0, 0)
        self._classes: Mapping[int, str] = {}
        self._quiet = False
        self._agreed: Callable[[], None] | None = None
        self._colours: QColorDialog | None = None
        self._model = InstanceModel(self)
        self.view = InstanceView(self._model, self)
        self.question = QuestionStrip(self)
        self.actions_ = InstanceActions(self)
        self._lay_out()
        self._connect()
        self._refresh()

    @property
    def chosen(self) -> int | None:
        """The selected instance's number."""
        return self._chosen

    def set_instances(self, instances: Mapping[int, Instance]) -> None:
        """Show these; the selected one stays selected as long as it is there."""
        self._instances = dict(instances)
        if self._agreed is not None:
            # What was asked about may be another thing now.
            self.question.hide()
            self._agreed = None
        moved = self._model.set_instances(instances)
        if self._chosen not in instances:
            self._chosen = None
        if moved:
            self.set_selected(self._chosen)
        self._refresh()
        self.view.viewport().update()

    def set_selected(self, number: int | None) -> None:
        """Select without a signal; None selects nothing."""
        self._chosen = number if number in self._instances else None
        row = None if self._chosen is None else self._model.row_of(self._chosen)
        selection = self.view.selectionModel()
        self._quiet = True
        if row is None:
            selection.clear()
        else:
            selection.setCurrentIndex(
                self._model.index(row), QItemSelectionModel.SelectionFlag.ClearAndSelect
            )
        self._quiet = False
        self._refresh()

    def set_frames(self, length: int, frames: tuple[int, int]) -> None:
        """Set the length of the video, and the default range of frames, first and last."""
        self._length, self._frames = length, frames

    def set_counts(self, counts: Mapping[int, str]) -> None:
        """Show beneath each name what the instance has, e.g. '120 masks, 3 checkpoints'."""
        self._model.set_counts(counts)

    def set_classes(self, classes: Mapping[int, str]) -> None:
        """Set the names of the classes by number."""
        self._classes = dict(classes)
        self._model.set_classes(classes)

    def _lay_out(self) -> None:
        actions = self.actions_
        self._add = QPushButton("+ Add")
        self._add.setAccessibleName("Add instance")
        self._add.setToolTip(f"Add instance ({actions.add.shortcut().toString()})")
        self._up, self._down = QToolButton(), QToolButton()
        for button, action, arrow in (
            (self._up, actions.move_up, Qt.ArrowType.UpArrow),
            (self._down, actions.move_down, Qt.ArrowType.DownArrow),
        ):
            button.setDefaultAction(action)
            button.setArrowType(arrow)
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(action.text())
        self._more = QPushButton("More")
        self._more.setAccessibleName("More that can be done to the selected instance")
        menu = QMenu(self)
        actions.fill(menu)
        self._more.setMenu(menu)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._add, 1)
        row.addWidget(self._up)
        row.addWidget(self._down)
        row.addWidget(self._more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.question)
        layout.addLayout(row)
        question = self.question
        order = [
            self.view,
            question.first,
            question.last,
            question.no,
            question.yes,
            self._add,
            self._up,
            self._down,
            self._more,
        ]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _connect(self) -> None:
        view, actions = self.view, self.actions_
        self._model.renamed.connect(self.renamed)
        view.moved.connect(self.moved)
        view.toggled.connect(self._toggle)
        view.recolour_asked.connect(self._pick_colour)
        view.selectionModel().currentChanged.connect(self._choose)
        view.selectionModel().selectionChanged.connect(self._refresh)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        self.question.answered.connect(self._settle)
        self._add.clicked.connect(actions.add.trigger)
        actions.add.triggered.connect(self.add_requested)
        self._on(actions.rename, self._edit_name)
        self._on(actions.recolour, self._pick_colour)
        self._on(actions.hide, partial(self._toggle, part=RowPart.EYE))
        self._on(actions.lock, partial(self._toggle, part=RowPart.LOCK))
        self._on(actions.move_up, partial(self._move, by=-1))
        self._on(actions.move_down, partial(self._move, by=1))
        self._on(actions.absent, self.absent_requested.emit)
        self._on(actions.delete_range, self._ask_delete_range)
        self._on(actions.delete, self._ask_delete)
        for number, action in actions.select.items():
            action.triggered.connect(partial(self._select_by_key, number))
        actions.merge_menu.aboutToShow.connect(self._offer_merges)
        actions.class_menu.aboutToShow.connect(self._offer_classes)
        self._on(actions.category, self._ask_class)

    def _on(self, action: QAction, act: Callable[[int], object]) -> None:
        """Call with the chosen instance's number."""

        def call() -> None:
            if self._chosen is not None:
                act(self._chosen)

        action.triggered.connect(call)

    def _refresh(self) -> None:
        numbers = self._model.numbers
        chosen = None if self._chosen is None else self._instances[self._chosen]
        first, last = numbers[:1] == [self._chosen], numbers[-1:] == [self._chosen]
        self.actions_.follow(chosen, first=first, last=last, alone=len(numbers) < 2)
        self._more.setEnabled(chosen is not None)

    def _choose(self) -> None:
        instance = self._model.instance(self.view.currentIndex())
        if self._quiet or instance is None or instance.number == self._chosen:
            return
        self._chosen = instance.number
        self._refresh()
        self.selected.emit(instance.number)

    def _select_by_key(self, number: int) -> None:
        if number not in self._instances:
            self.notified.emit(f"There is no instance {number}.")
        elif number != self._chosen:
            self.set_selected(number)
            self.selected.emit(number)

    def _edit_name(self, _: int) -> None:
        reveal(self.view)
        self.view.edit(self.view.currentIndex())

    def _toggle(self, number: int, part: RowPart) -> None:
        instance = self._instances[number]
        if part is RowPart.EYE:
            self.hidden_changed.emit(number, not instance.hidden)
        else:
            self.locked_changed.emit(number, not instance.locked)

    def _move(self, number: int, by: int) -> None:
        row = self._model.row_of(number)
        if row is not None and 0 <= row + by < len(self._instances):
            self.moved.emit(number, row + by)

    def _pick_colour(self, number: int) -> None:
        """Ask for a colour beside everything else; the window stays usable."""
        if self._colours is not None:
            self._colours.close()
        instance = self._instances[number]
        dialog = QColorDialog(QColor(instance.colour), self)
        dialog.setWindowTitle(f"Colour of {instance.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowModality(Qt.WindowModality.NonModal)
        dialog.colorSelected.connect(partial(self._recolour, number))
        dialog.destroyed.connect(partial(self._forget, dialog))
        self._colours = dialog
        dialog.show()

    def _recolour(self, number: int, colour: QColor) -> None:
        if number in self._instances and colour.name() != self._instances[number].colour:
            self.recoloured.emit(number, colour.name())

    def _forget(self, dialog: QColorDialog) -> None:
        if self._colours is dialog:
            self._colours = None

    def _show_menu(self, point: QPoint) -> None:
        if self.view.indexAt(point).isValid():
            self._more.menu().popup(self.view.viewport().mapToGlobal(point))

    def _offer_merges(self) -> None:
        for action, source, target in self.actions_.offer_merges(self._merges()):
            action.triggered.connect(partial(self._ask_merge, source, target))

    def _offer_classes(self) -> None:
        number, actions = self._chosen, self.actions_
        if number is None:
            return
        for action, name in actions.offer_classes(self._classes, self._instances[number].category):
            action.triggered.connect(partial(self._give_class, number, name))
        actions.class_menu.addSeparator()
        actions.class_menu.addAction("New &class …").triggered.connect(partial(self._ask_class, number))
        actions.class_menu.addAction("&Edit the list …").triggered.connect(
            lambda _=False: self.classes_requested.emit()
        )

    def _give_class(self, number: int, name: str | None, _: bool = False) -> None:
        if number not in self._instances:
            return
        category = self._instances[number].category
        # A step that changes nothing would only be in the way of undo.
        if name != (None if category is None else self._classes.get(category)):
            self.class_requested.emit(number, name)

    def _ask_class(self, number: int, _: bool = False) -> None:
        """Ask for the name of a class, new or of the list."""
        dialog = QInputDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Class")
        name = shortened(self._instances[number].name)
        dialog.setLabelText(tip(f"Class of {name}: type a name, or choose one (Down)."))
        dialog.setComboBoxEditable(True)
        # The first entry takes the class away.
        dialog.setComboBoxItems(["", *self._classes.values()])
        dialog.setTextValue(self._classes.get(self._instances[number].category or -1, ""))
        box = dialog.findChild(QComboBox)
        assert box is not None
        # Else the dialog is as wide as the longest name.
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(_NAME_LETTERS)
        line = box.lineEdit()
        assert line is not None
        # It would turn a new name into a longer one of the list.
        box.setCompleter(None)  # type: ignore[arg-type]  # Qt takes none, its stubs do not say so
        dialog.textValueSelected.connect(lambda name: self._give_class(number, name.strip() or None))
        dialog.open()
        # Later: to get the focus unselects it.
        QTimer.singleShot(0, line, line.selectAll)

    def _merges(self) -> list[tuple[Instance, Instance]]:
        """Both ways when two are selected, else the chosen one into each other."""
        marked = [self._model.instance(index) for index in self.view.selectedIndexes()]
        several = [instance for instance in marked if instance is not None]
        if len(several) == 2:
            return [(several[0], several[1]), (several[1], several[0])]
        source = None if self._chosen is None else self._instances[self._chosen]
        others = [self._instances[number] for number in self._model.numbers if number != self._chosen]
        return [] if source is None else [(source, other) for other in others]

    def _ask_delete(self, number: int) -> None:
        name, what = shortened(self._instances[number].name), self._model.count(number) or "all its masks"
        sentence = f"Delete {name} ({what})? Undo brings it back."
        self._ask(sentence, "Delete", partial(self.delete_requested.emit, number))

    def _ask_delete_range(self, number: int) -> None:
        def agreed() -> None:
            self.delete_range_requested.emit(number, *self.question.frames)

        name = shortened(self._instances[number].name)
        sentence = f"Delete the masks of {name} in these frames? Undo brings them back."
        self._agreed = agreed
        self.question.ask(sentence, "Delete", self._frames, self._length)
        reveal(self.question)

    def _ask_merge(self, source: int, target: int) -> None:
        name, other = (shortened(self._instances[one].name) for one in (source, target))
        sentence = f"Make {name} a part of {other}? {name} leaves the list. Undo brings it back."
        self._ask(sentence, "Merge", partial(self.merge_requested.emit, source, target))

    def _ask(self, sentence: str, yes: str, agreed: Callable[[], None]) -> None:
        self._agreed = agreed
        self.question.ask(sentence, yes)
        reveal(self.question)

    def _settle(self, wanted: bool) -> None:
        agreed, self._agreed = self._agreed, None
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        if wanted and agreed is not None:
            agreed()
