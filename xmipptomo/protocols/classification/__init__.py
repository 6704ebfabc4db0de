"""Two structures in one set of subtomograms."""
