"""The window in which a person says of picks whether they are particles."""
