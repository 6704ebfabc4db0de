"""The classes of a mask of regions, and which of them are bad."""

from __future__ import annotations

GOOD, NO_DATA, GOLD, MEMBRANE, CARBON, ICE, OUTSIDE, USER = range(8)
NAMES = ("good", "no data", "gold", "membrane", "carbon", "ice or dirt", "outside the slab", "user")
BAD = frozenset((NO_DATA, GOLD, CARBON, ICE, OUTSIDE, USER))  # a membrane may hold particles
# What a network should learn not to pick: objects that pickers take for particles. The other bad classes show nothing.
OBJECTS = frozenset((GOLD, MEMBRANE, CARBON, ICE))
