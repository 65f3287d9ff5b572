"""What the window shows before anything is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QPalette, QPixmap
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .session.opener import RecentProject
from .theme import drawing, quiet_label, tip

_PATH = Qt.ItemDataRole.UserRole
_THUMBNAIL = QSize(176, 99)
_STEPS = (
    (
        "click",
        "Click each object once",
        "In a frame that shows it well. Correct the mask with more clicks or a brush.",
    ),
    ("propagate", "Propagate", "The masks are carried through the video, and lost objects are searched for."),
    (
        "find",
        "Review what was found",
        "Accept or reject each proposal. Correct a frame, and propagate again.",
    ),
)
"""Icon, title and text of how it goes."""


class StartPage(QWidget):
    """Offers to open something, what was open last, and the demo.

    Attributes:
        open_button, folder_button, demo_button: the offers.
        recent: the projects of before.

    Signals:
        open_requested, folder_requested, demo_requested: a button was pressed.
        chosen(path): a project of before.
    """

    open_requested = Signal()
    folder_requested = Signal()
    demo_requested = Signal()
    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("start")
        self._logo = QLabel()
        self._title = QLabel("vsreid-studio")
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 2.2)
        font.setBold(True)
        self._title.setFont(font)
        self.open_button = QPushButton("Open a video …")
        self.open_button.setDefault(True)
        self.folder_button = QPushButton("Open a folder of pictures …")
        self.demo_button = QPushButton("Try the demo")
        for button in (self.open_button, self.folder_button, self.demo_button):
            button.setObjectName("large")
        self.recent = QListWidget()
        self.recent.setViewMode(QListView.ViewMode.IconMode)
        self.recent.setResizeMode(QListView.ResizeMode.Adjust)
        self.recent.setMovement(QListView.Movement.Static)
        self.recent.setIconSize(_THUMBNAIL)
        self.recent.setSpacing(10)
        self.recent.setWordWrap(True)
        self.recent.setAccessibleName("Recent projects")
        self._pictures = [QLabel() for _ in _STEPS]
        self._heading = QLabel("Recent")
        self._nothing = quiet_label("What you open is listed here. You can also drop a file on this window.")
        self._lay_out()
        self.open_button.clicked.connect(self.open_requested)
        self.folder_button.clicked.connect(self.folder_requested)
        self.demo_button.clicked.connect(self.demo_requested)
        self.recent.itemActivated.connect(self._choose)
        self.recent.itemClicked.connect(self._choose)
        self._dress()

    def set_recent(self, projects: Sequence[RecentProject]) -> None:
        """Show these, newest first."""
        self.recent.clear()
        for project in projects:
            item = QListWidgetItem(self._picture(project), f"{project.path.stem}\n{self._place(project)}")
            item.setData(_PATH, project.path)
            item.setToolTip(tip(str(project.path)))
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
            item.setSizeHint(_THUMBNAIL + QSize(12, 3 * self.fontMetrics().height() + 8))
            self.recent.addItem(item)
        self.recent.setVisible(bool(projects))
        self._nothing.setVisible(not projects)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return presses the button that has the focus, as in a dialog."""
        button = self.focusWidget()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(button, QPushButton):
            button.click()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Follow light and dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(16)
        words = QVBoxLayout()
        words.addWidget(self._title)
        words.addWidget(
            quiet_label(
                "Draw each object once. Its mask is propagated, and it is found again after it was lost."
            )
        )
        head.addWidget(self._logo)
        head.addLayout(words, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        for button in (self.open_button, self.folder_button, self.demo_button):
            buttons.addWidget(button)
        buttons.addStretch()
        font = self._heading.font()
        font.setBold(True)
        self._heading.setFont(font)
        words.setSpacing(2)
        page = QWidget()
        page.setMaximumWidth(66 * self.fontMetrics().height())
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        outer.addWidget(page, 100)
        outer.addStretch(1)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(32, 48, 32, 16)
        layout.setSpacing(18)
        layout.addLayout(head)
        layout.addLayout(buttons)
        layout.addSpacing(10)
        layout.addLayout(self._steps())
        layout.addSpacing(10)
        layout.addWidget(self._heading)
        layout.addWidget(self._nothing)
        layout.addWidget(self.recent, 1)
        layout.addStretch()

    def _steps(self) -> QHBoxLayout:
        """How it goes, in three pictures with a sentence each."""
        row = QHBoxLayout()
        row.setSpacing(28)
        for place, (picture, (_, title, text)) in enumerate(zip(self._pictures, _STEPS, strict=True), 1):
            words, step = QVBoxLayout(), QHBoxLayout()
            words.setSpacing(1)
            head = QLabel(f"{place}. {title}")
            font = head.font()
            font.setBold(True)
            head.setFont(font)
            head.setWordWrap(True)
            head.setAlignment(Qt.AlignmentFlag.AlignTop)
            words.addWidget(head)
            below = quiet_label(text)
            below.setAlignment(Qt.AlignmentFlag.AlignTop)
            words.addWidget(below)
            picture.setAlignment(Qt.AlignmentFlag.AlignTop)
            step.addWidget(picture)
            step.addLayout(words, 1)
            row.addLayout(step, 1)
        return row

    def _dress(self) -> None:
        text = self.palette().color(QPalette.ColorRole.WindowText)
        for picture, (name, _, _) in zip(self._pictures, _STEPS, strict=True):
            picture.setPixmap(drawing(name, 32, text, self.devicePixelRatioF()))
        self._logo.setPixmap(drawing("vsreid-studio", 72, text, self.devicePixelRatioF()))

    def _place(self, project: RecentProject) -> str:
        """Path of its video, which distinguishes two of the same name."""
        folder, home = project.video.parent, Path.home()
        text = f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
        return self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideLeft, _THUMBNAIL.width())

    def _picture(self, project: RecentProject) -> QIcon:
        scale = self.devicePixelRatioF()
        found = QPixmap(str(project.thumbnail))
        if found.isNull():
            faint = self.palette().color(QPalette.ColorRole.Dark)
            return QIcon(drawing("film", _THUMBNAIL.height(), faint, scale))
        fitted = found.scaled(
            _THUMBNAIL * scale,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        fitted.setDevicePixelRatio(scale)
        return QIcon(fitted)

    def _choose(self, item: QListWidgetItem) -> None:
        path: Path = item.data(_PATH)
        self.chosen.emit(path)
