"""``python -m xyep`` is the command ``xyep``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
