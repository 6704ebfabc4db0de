"""Scipion plugin: deep consensus of the 3D picks of several pickers in cryo-electron tomograms."""

import os
import sys
from importlib.metadata import version

import pwem
from pyworkflow.utils import Environ

# Not from the library: `scipion3 installp --devel` imports the plugin in a process that cannot see the library yet.
__version__ = version("scipion-em-xmipptomo")

_logo = "xmipptomo_logo.png"
_references = ["SanchezGarcia2018", "JimenezDeLaMorena2022"]


class Plugin(pwem.Plugin):
    """The plugin as Scipion sees it. Its programs are console scripts of this very environment: nothing is downloaded."""

    @classmethod
    def _defineVariables(cls):
        """No variables: the plugin needs no path of its own."""

    @classmethod
    def getEnviron(cls) -> Environ:
        """Environment of the programs: this interpreter's folder first in PATH.

        First, because an installed Xmipp brings programs of the same names that do not know our options.
        """
        environ = Environ(os.environ)
        environ.update({"PATH": os.path.dirname(sys.executable)}, position=Environ.BEGIN)
        return environ

    @classmethod
    def defineBinaries(cls, env):
        """No binaries: pip installs all that the programs need."""
