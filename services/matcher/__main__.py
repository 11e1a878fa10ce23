"""`python -m services.matcher`"""

from services.matcher.app import serve
from services.matcher.config import Settings
from shared.runner import run

run("matcher", Settings, serve)
