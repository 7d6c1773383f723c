"""The one exception of the Blender side: what the worker, or the way to it, reports to the user.

``core.errors`` has the same kinds; that package lives in the worker's process and is not imported here.
"""

from __future__ import annotations

EXIT_CODES = {"input": 2, "runtime": 3, "memory": 4, "cancelled": 130, "failure": 1}


class PflrmError(Exception):
    """A failure of a ``kind`` (see EXIT_CODES): one sentence, what to do about it, and details for a report."""

    def __init__(self, kind: str, message: str, remedy: str = "", details: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    @property
    def exit_code(self) -> int:
        return EXIT_CODES.get(self.kind, 1)

    @classmethod
    def from_event(cls, event: dict) -> PflrmError:
        """From an ``error`` event of a job."""
        details = "\n".join(filter(None, (event.get("traceback"), event.get("log"))))
        return cls(event["kind"], event["message"], event.get("remedy") or "", details)

    def to_event(self) -> dict:
        """The same as an ``error`` event."""
        return {
            "event": "error",
            "kind": self.kind,
            "message": self.message,
            "remedy": self.remedy,
            "traceback": None,
            "log": self.details,
        }
