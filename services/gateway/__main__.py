"""The gateway: `python -m services.gateway`."""

from services.gateway.app import serve
from services.gateway.config import Settings
from shared.runner import run

run("gateway", Settings, serve)
