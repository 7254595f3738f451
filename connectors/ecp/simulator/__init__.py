"""The stand-in regional system: the assumed contract as a real HTTP server with state, rules and faults.

It shares no code with the service it is used to try out, so that one mistake cannot stand on both sides.
"""

from connectors.ecp.simulator.application import Handle, ScenarioError, start_in_thread
from connectors.ecp.simulator.population import build_world
from connectors.ecp.simulator.serving import serve
from connectors.ecp.simulator.world import World

__all__ = ["Handle", "ScenarioError", "World", "build_world", "serve", "start_in_thread"]
