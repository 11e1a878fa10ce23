"""The pool in Redis. Only this folder knows Redis, and the scripts in `lua/` beside it."""
