"""Which function of the model does which operation: function(kernel, process or None, operation).

Each is registered where it is defined; a second copy of the model, as one with a rule changed, has a registry of its
own.
"""

from __future__ import annotations

from ..core.registry import Registry

operation = Registry()
