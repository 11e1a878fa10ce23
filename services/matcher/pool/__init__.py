"""The pool in Redis. Only this folder knows its keys, and the scripts in `lua/` beside it."""

LUA_OF = "services.matcher"
"""The package whose `lua/` holds the scripts."""
