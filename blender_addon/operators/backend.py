"""Find, start and stop the backend."""

import bpy

from parascale.errors import InputError

from .. import preferences, session
from ..steps import StepOperator, Steps, sentence
from ..stubs import Context, Outcome


class PARASCALE_OT_test_backend(StepOperator):
    """Connect to the backend and say what it can do"""

    bl_idname = "parascale.test_backend"
    bl_label = "Test"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_backend(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect(preferences.executable(context))
        self.report({"INFO"}, session.state_text())


class PARASCALE_OT_start_backend(StepOperator):
    """Start the backend on this machine"""

    bl_idname = "parascale.start_backend"
    bl_label = "Start"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.connected():
            cls.poll_message_set("A backend is connected already")
            return False
        return needs_backend(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        yield from session.current().connect(preferences.executable(context))


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


def needs_backend(cls: type[bpy.types.Operator], context: Context) -> bool:
    """Say in a `poll` whether a backend can be reached."""
    if not session.has_link():
        cls.poll_message_set("This build of ParaScale has no link to a backend: install the one for your Blender")
        return False
    if not session.connected() and not preferences.executable(context):
        cls.poll_message_set("No backend: set it in Preferences")
        return False
    return True


CLASSES = (PARASCALE_OT_test_backend, PARASCALE_OT_start_backend, PARASCALE_OT_stop_backend)
