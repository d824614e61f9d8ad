"""The pure core: it reads no clock, disk, network or randomness."""
