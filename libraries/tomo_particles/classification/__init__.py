"""Two structures in one set of aligned particles: are there two, which particle is which, and what is the difference."""
