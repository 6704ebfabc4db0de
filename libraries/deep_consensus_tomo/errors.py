"""The one exception whose message is meant for the person at the form or the terminal."""


class InputError(ValueError):
    """Wrong input of the user: the message is one line that names the file, the option and the way out."""


class NoPicksError(InputError):
    """A pick file without any pick: wrong alone, common as one of the files that a picker wrote, a file a tomogram."""
