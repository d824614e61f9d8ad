"""Engines: checks that leave the judging to another library, or to the user's own code. One file each.

Importing this package enters them in the catalogue; the libraries are imported when a pack asks for them.
"""
