"""What switches behind one meter: steps of the mains, runs, unknown appliances and their names."""
