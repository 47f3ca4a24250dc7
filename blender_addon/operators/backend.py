"""Find, start and stop the backend."""

import bpy

from parascale.errors import InputError

from .. import preferences, session
from ..steps import StepOperator, Steps, sentence
from ..stubs import Context, Outcome
from .polls import needs_backend


class PARASCALE_OT_test_backend(StepOperator):
    """Connect to the backend and say what it can do"""

    bl_idname = "parascale.test_backend"
    bl_label = "Test"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_backend(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect(preferences.backend(context))
        welcome = session.current().welcome
        names = ", ".join(known.name for known in welcome.generators) if welcome else ""
        self.report({"INFO"}, f"{session.state_text()}: {names or 'no generators'}")


class PARASCALE_OT_start_backend(StepOperator):
    """Start the backend on this machine, or connect to the one that is named"""

    bl_idname = "parascale.start_backend"
    bl_label = "Start"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.connected():
            cls.poll_message_set("A backend is connected already")
            return False
        return needs_backend(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect(preferences.backend(context))


class PARASCALE_OT_stop_backend(bpy.types.Operator):
    """Stop the backend this Blender started"""

    bl_idname = "parascale.stop_backend"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not session.owns_backend():
            cls.poll_message_set("No backend was started from this Blender")
            return False
        return True

    def execute(self, context: Context) -> Outcome:
        try:
            session.current().stop_backend()
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class PARASCALE_OT_copy_install_command(bpy.types.Operator):
    """Copy the command that installs the backend, to be run in a terminal with Python 3.11 or later"""

    bl_idname = "parascale.copy_install_command"
    bl_label = "Copy Install Command"

    def execute(self, context: Context) -> Outcome:
        context.window_manager.clipboard = preferences.INSTALL_COMMAND
        self.report({"INFO"}, f"Copied: {preferences.INSTALL_COMMAND}")
        return {"FINISHED"}


CLASSES = (
    PARASCALE_OT_test_backend,
    PARASCALE_OT_start_backend,
    PARASCALE_OT_stop_backend,
    PARASCALE_OT_copy_install_command,
)
