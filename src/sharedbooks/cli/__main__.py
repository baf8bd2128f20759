"""Lets ``python -m sharedbooks.cli`` do what ``sharedbooks`` does."""

import sys

from sharedbooks.cli import main

sys.exit(main())
