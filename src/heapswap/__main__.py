"""``python -m heapswap``."""

import sys

from heapswap.cli.main import main

sys.exit(main())
