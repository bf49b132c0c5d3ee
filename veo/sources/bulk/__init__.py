"""Files read by the monthly refresh."""
