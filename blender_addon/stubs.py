"""Names for Blender's types where the type checker's stubs are stricter than Blender is."""

from typing import Any, Literal

# To the stubs every member of a context may be None; where an operator or a panel of ours runs, they are there.
Context = Any

# The stubs want every icon as a literal, and know no property that a button gives its operator.
Layout = Any

Outcome = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]
