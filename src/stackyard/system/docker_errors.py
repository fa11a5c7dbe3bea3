"""What docker's last lines mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.system.engine import CommandFailed, outside_failure

# BuildKit's summary: " > [stage-1 2/4] RUN make:", between lines of dashes.
_INSTRUCTION = re.compile(r"^ > (?:\[[^\]]*\] )?(?P<instruction>.+?):?$", re.MULTILINE)
_VERDICT = re.compile(
    r"^(?:ERROR: |error |failed to |executor failed |rpc error|Error response |Cannot connect )"
)
# Where in docker it came up.
_PREFIX = re.compile(
    r"ERROR: |failed to build: |failed to solve(?: with frontend \S+)?: "
    r"|failed to create LLB definition: |rpc error: code = \w+ desc = |Error response from daemon: "
)
_STATUS = re.compile(r"exit code: (\d+)$")
_COMMAND = re.compile(r"executor failed running|did not complete successfully")
_AWAY = re.compile(
    r"Cannot connect to the Docker daemon|error during connect|code = Unavailable"
    r"|transport is closing|unexpected EOF|error reading from server|connection reset by peer"
)
_NETWORK = re.compile(
    r"failed to do request|failed to authorize|failed to resolve source metadata|pull access denied"
    r"|dial tcp|i/o timeout|TLS handshake|toomanyrequests|manifest unknown|no such host"
)
_NOT_THERE = re.compile(r"not found|no such file or directory|outside of (?:the build )?context")
_DAEMONS_FOLDER = re.compile(r"/\S*/buildkit-mount\d+")
_TOLD = 12


def explained(verb: str, code: int, lines: Sequence[str]) -> StackyardError:
    """The error for a call of docker that failed.

    Args:
        verb: docker's, such as ``build``.
        code: its exit code, or minus the signal that ended it.
        lines: the last that it printed.
    """
    verdict = _verdict(lines)
    why = _DAEMONS_FOLDER.sub("", _PREFIX.sub("", verdict))[-500:]
    if found := outside_failure("docker", code, "\n".join(lines[-_TOLD:])):
        return found
    if _AWAY.search(verdict):
        return OutsideError(
            f"docker {verb}: the daemon does not answer any more: {why}",
            hint="start the docker daemon, and look into its log for why it ended; then run again",
        )
    if verb != "build":
        return OutsideError(
            f"docker {verb} failed ({code}): {why}",
            hint="mend what docker says, then run again",
        )
    return _wrong(_instruction(lines), why)


def _wrong(instruction: str, why: str) -> StackyardError:
    """The error of a build whose daemon is well."""
    said = f"{instruction}: {why}" if instruction else f"docker build: {why}"
    if _COMMAND.search(why):
        status = _STATUS.search(why)
        if status:
            return CommandFailed(instruction or why, int(status[1]))
        return InputError(said, hint="the command cannot be started so; correct the instruction")
    if _NETWORK.search(why):
        return OutsideError(
            said, hint="check the name, the network and your registry credentials, then run again"
        )
    if "--from=" in instruction and _NOT_THERE.search(why):
        return InputError(said, hint="that stage or image does not have it")
    if _NOT_THERE.search(why):
        return InputError(
            said,
            hint="instructions see only the files of the Containerfile's folder,"
            " less those that .dockerignore names",
        )
    return InputError(said, hint="correct the instruction")


def _instruction(lines: Sequence[str]) -> str:
    found = _INSTRUCTION.findall("\n".join(lines))
    return str(found[-1]) if found else ""


def _verdict(lines: Sequence[str]) -> str:
    """The line that says what failed."""
    told = [line for line in lines if line.strip()]
    verdicts = [line for line in told if _VERDICT.match(line)]
    return (verdicts or told or ["it said nothing"])[-1]
