"""Find, start and stop the backend."""

import bpy

from parascale.errors import InputError

from ..jobs import session
from ..steps import StepOperator, Steps, sentence
from ..stubs import Context, Outcome
from .polls import needs_backend

INSTALL_COMMAND = "python3 -m pip install 'parascale[solve,preview]'"


class PARASCALE_OT_test_backend(StepOperator):
    """Connect to the backend and say what it can do"""

    bl_idname = "parascale.test_backend"
    bl_label = "Test"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_backend(cls)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect()
        connection = session.current().connection
        names = ", ".join(known.name for known in connection.welcome.generators) if connection.welcome else ""
        self.report({"INFO"}, f"{connection.describe()}: {names or 'no generators'}")


class PARASCALE_OT_start_backend(StepOperator):
    """Start the backend on this machine, or connect to the one that is named"""

    bl_idname = "parascale.start_backend"
    bl_label = "Start"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.current().connection.is_open:
            cls.poll_message_set("A backend is connected already")
            return False
        return needs_backend(cls)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect()


class PARASCALE_OT_stop_backend(bpy.types.Operator):
    """Stop the backend this Blender started"""

    bl_idname = "parascale.stop_backend"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.current().connection.backend is None:
            cls.poll_message_set("No backend was started from this Blender")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        try:
            session.current().connection.stop_backend()
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class PARASCALE_OT_copy_install_command(bpy.types.Operator):
    """Copy the command that installs the backend, to be run in a terminal with Python 3.11 or later"""

    bl_idname = "parascale.copy_install_command"
    bl_label = "Copy Install Command"

    def execute(self, context: Context) -> Outcome:
        context.window_manager.clipboard = INSTALL_COMMAND
        self.report({"INFO"}, f"Copied: {INSTALL_COMMAND}")
        return {"FINISHED"}


CLASSES = (
    PARASCALE_OT_test_backend,
    PARASCALE_OT_start_backend,
    PARASCALE_OT_stop_backend,
    PARASCALE_OT_copy_install_command,
)
