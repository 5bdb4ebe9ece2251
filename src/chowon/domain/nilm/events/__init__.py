"""What switches behind one meter: edges of the mains, runs, unknown appliances and their names."""
