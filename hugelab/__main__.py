"""The command line: ``hugelab run | ops | why | check | trace | measure | doctor``.

Exit codes: 0 done, 1 a difference was found, 2 bad input or a machine that cannot do it.
"""

from __future__ import annotations

import os
import sys

from . import __version__
from .cli import check, doctor, measure, ops, run, trace, why
from .cli.common import BAD_INPUT, DONE, STOPPED, Parser, add_commands, complain
from .linux.errors import ScenarioError
from .live.errors import LiveUnavailable


def _parser() -> Parser:
    parser = Parser(prog="hugelab", description="How Linux allocates huge pages: a model of the kernel you can run.")
    parser.add_argument("--version", action="version", version=f"hugelab {__version__}")
    command = add_commands(parser)
    for module in (run, ops, why, check, trace, measure, doctor):
        module.add(command)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.function(args)
        sys.stdout.flush()
        return code
    except (ScenarioError, LiveUnavailable) as error:
        complain(error)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        complain("stopped")
        return STOPPED
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
