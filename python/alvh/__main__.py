"""``python -m alvh`` is the command line."""

import sys

from alvh.cli import main

if __name__ == "__main__":
    sys.exit(main())
