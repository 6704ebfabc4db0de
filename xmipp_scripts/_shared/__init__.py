"""What several programs share: option parser, output of pickers."""
