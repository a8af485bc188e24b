"""`InputError`: what a user gave is wrong, and the message says how to mend it."""


class InputError(ValueError):
    """Something that was given cannot be used: expected, got, and how to mend it in one message.

    The commands show the message alone; everything else that is raised is a fault of ours.
    """
