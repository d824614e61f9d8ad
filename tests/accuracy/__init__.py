"""How well the shipped packs tell good input from bad, on labelled data: `make accuracy DATA=../shared/data`.

Every figure is given for the rows with an even and with an odd number apart: a rule that was fitted to some rows of a
set shows there as a gap.
"""
