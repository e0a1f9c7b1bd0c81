"""From a float graph and data to an integer graph: observe, choose ranges, choose integers, apply."""
