"""`python -m kalbio` is the command line."""

import sys

from kalbio.cli import main

sys.exit(main())
