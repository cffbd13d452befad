"""Generated packages: bugs put into them, and features left out of them."""
