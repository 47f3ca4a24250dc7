"""The ParaScale extension: what an animator touches. The work itself is done by the package `parascale`.

Any function may refuse by raising `parascale.errors.InputError` with a fact; operators report it as a sentence.
"""

import sys


def register() -> None:
    """Import everything afresh and register it: an update may have replaced files under modules already imported."""
    ours = f"{__package__}."
    for name in list(sys.modules):
        if name == "parascale" or name.startswith(("parascale.", ours)):
            del sys.modules[name]
            # `from . import x` would find the old module as an attribute of this one.
            globals().pop(name.removeprefix(ours), None)
    from . import registration

    registration.register()


def unregister() -> None:
    """Undo `register`."""
    from . import registration

    registration.unregister()
