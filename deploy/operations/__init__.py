"""For whoever runs Parley: what the stores know of one user (`make trace`), and whether what must
hold does hold (`make audit`). Black boxes: they read the stores, import no service, change nothing.
"""
