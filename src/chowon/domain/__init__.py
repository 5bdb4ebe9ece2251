"""What is true without any machine: readings, energy, time, tariffs, bills. No I/O, no clock, no logging."""
