"""What several protocols share: running programs, checks of forms, command lines."""
