"""``python -m connectors.ecp.simulator``."""

import sys

from connectors.ecp.simulator.serving import serve

if __name__ == "__main__":
    sys.exit(serve())
