"""How well the shipped packs tell good input from bad, on labelled data: `make accuracy DATA=../shared/data`.

Rules were tuned on the rows with an even number; those with an odd number say how they do on rows nobody looked at.
"""
