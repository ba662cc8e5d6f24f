"""``python -m kerazoo`` is the command ``kerazoo``."""

import sys

from kerazoo.cli.main import main

sys.exit(main())
