"""The `stackyard` command: finds the verb's module only when the verb is used.

Start-up matters more than anything else here, so nothing heavy is imported
before a verb asks for it; `--help` knows the verbs from the table below.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import click

from stackyard import __version__
from stackyard.errors import StackyardError

VERBS = {
    "init": "Write a starting stack file.",
    "lock": "Resolve all layers together and write stackyard.lock.",
    "plan": "Show what would be built, and why.",
    "build": "Build images: only what is not there yet.",
    "push": "Publish images to their registry.",
    "inspect": "Show what is in an image, or what differs between two.",
    "profiles": "Write the hub's profile list.",
    "hub": "Run a JupyterHub on this machine with the images.",
    "prune": "Remove old blobs, caches, images and tags.",
    "schema": "Print the stack file's JSON Schema.",
}

EXIT_CODES = (
    "Exit codes: 0 done, 1 a result that is a failure, 2 wrong input, 3 something outside failed."
)


class Verbs(click.Group):
    """A group whose commands are modules of `stackyard.cli`, loaded when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order in which they are used."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"stackyard.cli.{cmd_name}")
        command = module.command
        if not isinstance(command, click.Command):
            return None
        command.epilog = EXIT_CODES
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or name the nearest one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            ctx.fail(
                f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else "")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="stackyard")
def stackyard() -> None:
    """Build the user images of a JupyterHub in layers that never conflict.

    One stack file (stackyard.yaml) says what each layer holds; images are stacks
    of layers; each image appears to the hub's users as a profile.
    """


_GRACE = 2.0
"""Seconds that what runs has to end after Ctrl-C."""


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Ctrl-C: unwind, but do not let a thread that hangs in the network hold us."""
    timer = threading.Timer(_GRACE, _stopped)
    timer.daemon = True
    timer.start()
    # It may strike in a destructor, which can only report it; the timer ends us then.
    sys.unraisablehook = lambda _: None
    raise KeyboardInterrupt


def _stopped() -> NoReturn:
    """Leave at once: what is finished is under its name, the rest is swept later."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        click.echo("stackyard: stopped; what was finished is kept", err=True)
    os._exit(130)


def main() -> NoReturn:
    """Run the command line; every error a user can mend is one message, no traceback."""
    signal.signal(signal.SIGINT, _interrupt)
    # A plan makes a million values and no cycles; looking for some takes a fifth of its time.
    gc.set_threshold(500_000)
    try:
        stackyard.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        _stopped()
    except StackyardError as error:
        click.echo(f"stackyard: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit:
        # Click ends so when the reader of our output left (`stackyard plan | head`).
        sys.exit(3)
    except OSError as error:
        click.echo(f"stackyard: {error}", err=True)
        sys.exit(3)
    sys.exit(0)
