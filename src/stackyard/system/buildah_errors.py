"""What buildah's last lines mean."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.system.engine import CommandFailed, outside_failure

_STEP = re.compile(r'building at STEP "(?P<step>.*?)": (?P<why>.*)', re.DOTALL)
_STATUS = re.compile(r"exit status (\d+)")
_NOT_THERE = re.compile(r"copier: (?:stat|get): |no items matching glob|no such file or directory")
_PULL = re.compile(
    r"initializing source|pinging container registry|short-name|creating build container"
    r"|dial tcp "
)
# What unshare says, in util-linux before 2.39, when its program was ended by a signal.
_ENDED = "unshare: sigprocmask unblock failed"
# What is left of "no space left on device" when it comes while a layer is stored.
_NOT_STORED = re.compile(r'storing layer "\w+" to file: .*closed pipe')
_TOLD = 12


def explained(verb: str, code: int, lines: Sequence[str]) -> StackyardError:
    """The error for a call of buildah that failed.

    Args:
        verb: buildah's, such as ``build``.
        code: its exit code, or minus the signal that ended it.
        lines: the last that it printed.
    """
    text = "\n".join(lines)
    if lines and lines[-1].startswith(_ENDED):
        code = -signal.SIGKILL  # the one that nothing can catch
    if found := outside_failure("buildah", code, text):
        return found
    if _NOT_STORED.search(text):
        return OutsideError(
            "buildah cannot write what the step made: no space left on the disk, most likely",
            hint="make room on the disk of the store, then run again; nothing was damaged",
        )
    told = "\n    ".join(line for line in lines[-_TOLD:] if line.strip())
    step = _STEP.search(text)
    if step is None:
        return OutsideError(
            f"buildah {verb} failed ({code}); its last lines:\n    {told}",
            hint="the last lines say why; run again when that is mended",
        )
    instruction, why = step["step"], step["why"].strip()
    if status := _STATUS.search(why):
        return CommandFailed(instruction, int(status[1]))
    return _refused(instruction, why)


def _refused(instruction: str, why: str) -> StackyardError:
    """The error for an instruction of which buildah says why it cannot be done."""
    if _PULL.search(why):
        return OutsideError(
            f"{instruction}: what it needs cannot be had: {why[-400:]}",
            hint="check the name, the network and your registry credentials",
        )
    if _NOT_THERE.search(why):
        return InputError(
            f"{instruction}: {why[-400:]}",
            hint="instructions see only the files of the Containerfile's folder,"
            " less those that .dockerignore names",
        )
    return InputError(f"{instruction}: {why[-400:]}", hint="correct the instruction")
