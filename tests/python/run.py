"""Runs one file of tests. Exit 77 (skipped) if what it needs is not installed, or if every test of
it was skipped. usage: run.py test_NAME [unittest's arguments]

The environment tells where things are: VITLRP_LIBRARY, VITLRP_PROGRAM, VITLRP_SOURCE (the
repository), VITLRP_LAYOUT (the program made of layout_dump.c), PYTHONPATH (the package)."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77


def main():
    try:
        import numpy
    except ImportError as error:
        print(f"skipped: {error} (Debian: python3-numpy)")
        sys.exit(SKIPPED)
    print(f"Python {sys.version.split()[0]}, numpy {numpy.__version__}")
    sys.path.insert(0, HERE)
    program = unittest.main(module=sys.argv[1], argv=sys.argv[1:], verbosity=1, exit=False)
    result = program.result
    for _, reason in result.skipped:
        print(f"skipped: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    # Newer versions of Python do not count the tests of a skipped class.
    if result.skipped and len(result.skipped) >= result.testsRun:
        sys.exit(SKIPPED)
    sys.exit(0 if result.testsRun > 0 else 1)


if __name__ == "__main__":
    main()
