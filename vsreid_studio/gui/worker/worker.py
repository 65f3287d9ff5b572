"""The object on the engine's thread: takes orders, and tells what happens through their mailboxes."""

from __future__ import annotations

import logging
import traceback

from PySide6.QtCore import QObject, Slot

from ...engine.runtime.run import drive
from ...errors import UserError
from .bench import Bench
from .jobs import EngineFactory, Outcome
from .mail import Failure, Order
from .steps import steps_of

log = logging.getLogger(__name__)


class Worker(QObject):
    """Carries out one order after another."""

    def __init__(self, factory: EngineFactory) -> None:
        super().__init__()
        self._bench = Bench(factory)

    @Slot(object)
    def run(self, order: Order) -> None:
        """Carry out an order; the last letter tells how it ended, whatever happened."""
        outcome = Outcome.FAILED
        try:
            steps = steps_of(order, self._bench, order.mailbox.put)
            done = drive(steps, order.control, order.mailbox.put)
            outcome = Outcome.DONE if done else Outcome.CANCELLED
        except UserError as error:
            order.mailbox.put(Failure(str(error), traceback.format_exc()))
        except Exception as error:  # whatever it is, the document is whole and a person must read of it
            log.debug("The engine failed.", exc_info=True)
            order.mailbox.put(Failure(_sentence(error), traceback.format_exc()))
        finally:
            order.mailbox.put(outcome)
            order.ended.set()

    @Slot()
    def release(self) -> None:
        """Let go of the video; the networks stay."""
        self._bench.clear()


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError) or "out of memory" in str(error):
        return "The engine ran out of memory; what it had done so far is kept."
    return f"The engine stopped unexpectedly ({type(error).__name__}); what it had done so far is kept."
