"""The two ways work ends early on purpose: input that cannot be used, and a user who stops it."""


class InputError(ValueError):
    """The input cannot be used; the message says in one sentence what is wrong, where, and what to do.

    The command line prints it and exits with status 3; the add-on shows it as a report.
    """


class Cancelled(Exception):  # noqa: N818 - named as what happened: it is no error
    """The user asked for the work to stop."""
