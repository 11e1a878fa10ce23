"""The stack on this machine alone: real servers as plain processes, no containers."""
