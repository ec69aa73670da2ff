"""Would this mapping work here? The counters as found, a request, the model's verdict, and which rule decides.

``found`` is what is known of pool, mount and cgroup; ``meminfo`` and ``here`` read it; ``verdict`` puts the model into
that state and has it answer; ``remedy`` finds what would help; ``words`` say it.
"""

from .found import Cgroup, Found, Mount, Node
from .remedy import Remedy, remedy
from .verdict import KINDS, Request, Verdict, why
from .words import paragraph

__all__ = ["KINDS", "Cgroup", "Found", "Mount", "Node", "Remedy", "Request", "Verdict", "paragraph", "remedy", "why"]
