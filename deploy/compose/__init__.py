"""The stack in containers: the compose files of this directory, behind `make up` and the like."""
