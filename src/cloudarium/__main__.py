"""``python -m cloudarium``."""

import sys

from cloudarium.cli.main import main

sys.exit(main())
