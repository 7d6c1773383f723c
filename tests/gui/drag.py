"""Drops files onto a window as a file manager does, in the XDND protocol: ``drag.py X Y FILE …``.

Runs with the Python of Blender's folder (python3-xlib) on the display DISPLAY. X and Y are pixels of the screen. Ends
with 1 if the window at that place takes no drops, or refuses this one.
"""

from __future__ import annotations

import select
import sys
import time
from pathlib import Path

from Xlib import X, Xatom, display
from Xlib.protocol import event

VERSION = 5
SECONDS = 20.0
STEPS = 5  # positions on the way, as a hand leaves them


class Source:
    """The window that the files come from."""

    def __init__(self, files: list[str]) -> None:
        self.uris = "".join(f"{Path(file).as_uri()}\r\n" for file in files).encode()
        self.display = display.Display()
        screen = self.display.screen()
        self.root = screen.root
        self.window = self.root.create_window(0, 0, 1, 1, 0, screen.root_depth)
        self.window.set_selection_owner(self._atom("XdndSelection"), X.CurrentTime)

    def drop(self, x: int, y: int) -> bool:
        """Let go of the files at a place of the screen; False if nothing there wants them."""
        target = self._window_at(x, y)
        if target is None:
            return False
        place = (x << 16) | y
        self._send(target, "XdndEnter", VERSION << 24, self._atom("text/uri-list"))
        for _ in range(STEPS):
            self._send(target, "XdndPosition", 0, place, X.CurrentTime, self._atom("XdndActionCopy"))
            status = self._answer("XdndStatus")
            if status is None or not status[1] & 1:
                return False
        self._send(target, "XdndDrop", 0, X.CurrentTime)
        return self._answer("XdndFinished") is not None

    def _atom(self, name: str) -> int:
        return self.display.intern_atom(name)

    def _window_at(self, x: int, y: int):  # the topmost one that takes drops
        for window in reversed(self.root.query_tree().children):
            shape = window.get_geometry()
            inside = shape.x <= x < shape.x + shape.width and shape.y <= y < shape.y + shape.height
            if inside and window.get_full_property(self._atom("XdndAware"), Xatom.ATOM):
                return window
        return None

    def _send(self, target, kind: str, *data: int) -> None:
        words = [self.window.id, *data]
        words += [0] * (5 - len(words))
        message = event.ClientMessage(window=target, client_type=self._atom(kind), data=(32, words))
        target.send_event(message)
        self.display.flush()

    def _answer(self, kind: str):  # the words of the target's message; None if it does not come
        limit = time.monotonic() + SECONDS
        while (left := limit - time.monotonic()) > 0:
            if not self.display.pending_events():
                select.select([self.display], [], [], left)
                continue
            message = self.display.next_event()
            if message.type == X.SelectionRequest:
                self._hand_over(message)
            elif message.type == X.ClientMessage and message.client_type == self._atom(kind):
                return message.data[1]
        return None

    def _hand_over(self, request) -> None:
        wanted = request.target == self._atom("text/uri-list")
        if wanted:
            request.requestor.change_property(request.property, request.target, 8, self.uris)
        reply = event.SelectionNotify(
            time=request.time, requestor=request.requestor, selection=request.selection, target=request.target,
            property=request.property if wanted else X.NONE,
        )  # fmt: skip
        request.requestor.send_event(reply)
        self.display.flush()


if __name__ == "__main__":
    sys.exit(not Source(sys.argv[3:]).drop(int(sys.argv[1]), int(sys.argv[2])))
