"""Operation -> function of the model: function(kernel, process or None, operation), registered where it is defined.

A second copy of the model, such as one with a changed rule, has a registry of its own.
"""

from __future__ import annotations

from ..core.registry import Registry

operation = Registry()
