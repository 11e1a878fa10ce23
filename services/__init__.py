"""The services of Parley. They never import each other."""
