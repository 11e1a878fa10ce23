"""What it takes to run Parley: containers, and the same stack without them."""
