"""The failures that a user can do something about, each with its exit code.

Every message is one sentence that names the file or value and what is wrong with it; ``remedy`` says what to do.
They are raised where they are understood and caught once, at the edge of a program.
"""


class PflrmError(Exception):
    """A failure with a remedy. ``kind`` travels over the worker's protocol, ``exit_code`` ends a command."""

    kind = "failure"
    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class InputError(PflrmError):
    """The user's photos, masks, intrinsics or options are at fault."""

    kind = "input"
    exit_code = 2


class RuntimeMissingError(PflrmError):
    """A package, a device or the weights that the pipeline needs are missing or broken."""

    kind = "runtime"
    exit_code = 3


class MemoryFullError(PflrmError):
    """The device or the machine has too little memory for the request."""

    kind = "memory"
    exit_code = 4


class CancelledError(PflrmError):
    """The user asked to stop."""

    kind = "cancelled"
    exit_code = 130
