"""`python -m vsreid_studio`."""

from .app import main

raise SystemExit(main())
