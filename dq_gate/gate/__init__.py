"""The gate's public face, its two shells, and the only place where settings become objects."""
