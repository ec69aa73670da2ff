"""Operation -> function for the running kernel, each registered where it is defined.

``in_process``: function(program, arguments), run in a process of the scenario. ``by_runner``: function(kernel,
operation), run in this process: operations of the administrator, and those of several processes.
"""

from __future__ import annotations

from ..core.registry import Registry

in_process, by_runner = Registry(), Registry()
