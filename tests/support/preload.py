"""LD_PRELOAD of a library wherever it lies."""

import atexit
import os
import shutil
import tempfile


def preloadable(library):
    """A path of the library without the characters that end a name in LD_PRELOAD: blanks and colons."""
    library = os.path.abspath(library)
    if not any(letter in library for letter in " \t\n:"):
        return library
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, True)
    link = os.path.join(folder, os.path.basename(library))
    os.symlink(library, link)
    return link
