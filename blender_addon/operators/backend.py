"""Find, start and stop the backend."""

from ..jobs import session
from ..steps import DirectOperator, StepOperator, Steps
from ..stubs import Context
from .polls import needs_backend, needs_closed_connection, needs_own_backend

INSTALL_COMMAND = "python3 -m pip install 'parascale[solve,preview]'"


class PARASCALE_OT_test_backend(StepOperator):
    """Connect to the backend and say what it can do"""

    bl_idname = "parascale.test_backend"
    bl_label = "Test"
    needs = (needs_backend,)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect()
        connection = session.current().connection
        names = ", ".join(known.name for known in connection.welcome.generators) if connection.welcome else ""
        self.report({"INFO"}, f"{connection.describe()}: {names or 'no generators'}")


class PARASCALE_OT_start_backend(StepOperator):
    """Start the backend on this machine, or connect to the one that is named"""

    bl_idname = "parascale.start_backend"
    bl_label = "Start"
    needs = (needs_closed_connection, needs_backend)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect()


class PARASCALE_OT_stop_backend(DirectOperator):
    """Stop the backend this Blender started"""

    bl_idname = "parascale.stop_backend"
    bl_label = "Stop"
    needs = (needs_own_backend,)

    def run(self, context: Context) -> None:
        session.current().connection.stop_backend()


class PARASCALE_OT_copy_install_command(DirectOperator):
    """Copy the command that installs the backend, to be run in a terminal with Python 3.11 or later"""

    bl_idname = "parascale.copy_install_command"
    bl_label = "Copy Install Command"

    def run(self, context: Context) -> None:
        context.window_manager.clipboard = INSTALL_COMMAND
        self.report({"INFO"}, f"Copied: {INSTALL_COMMAND}")


CLASSES = (
    PARASCALE_OT_test_backend,
    PARASCALE_OT_start_backend,
    PARASCALE_OT_stop_backend,
    PARASCALE_OT_copy_install_command,
)
