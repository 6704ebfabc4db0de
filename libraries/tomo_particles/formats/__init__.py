"""Files of picks, ours and other packages': recognise, read, write. The table of conventions is docs/formats.md."""
