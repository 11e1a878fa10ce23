"""`python -m services.sessions`"""

from services.sessions.app import serve
from services.sessions.config import Settings
from shared.runner import run

run("sessions", Settings, serve)
