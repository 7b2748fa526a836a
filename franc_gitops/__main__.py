"""`python -m franc_gitops` is `franc-gitops`."""

from __future__ import annotations

import sys

from franc_gitops.cli import main

if __name__ == "__main__":
    sys.exit(main())
