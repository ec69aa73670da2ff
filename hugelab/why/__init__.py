"""Would this mapping work here? The counters, a request, the model's verdict, and the rule that decides.

``found``: counters of pool, mount and cgroup; ``meminfo`` and ``here`` read them; ``verdict`` puts the model into that
state and runs the request; ``remedy`` finds changes that help; ``words`` writes the answer.
"""

from .found import Cgroup, Found, Mount, Node
from .remedy import Remedy, remedy
from .verdict import KINDS, Request, Verdict, why
from .words import paragraph

__all__ = ["KINDS", "Cgroup", "Found", "Mount", "Node", "Remedy", "Request", "Verdict", "paragraph", "remedy", "why"]
