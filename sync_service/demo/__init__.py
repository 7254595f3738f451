"""``ecp-sync demo``: the stand-in region, a sample school and the story of how the two come to agree.

Needs nothing and configures nothing: its files are generated for today and imported like any file.
"""

from sync_service.demo.show import run_demo

__all__ = ["run_demo"]
