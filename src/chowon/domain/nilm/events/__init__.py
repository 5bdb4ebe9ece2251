"""What switches behind one meter, in order of time: steps of the mains, runs, unknown appliances, their names."""
