"""From somebody's Vector configuration to documents: lossless for what the catalogue does not know.

What lives here reads text, expands wildcards, splits what is not connected and lays the graph out.
Nothing is rejected for being unusual: whatever can be kept is kept, and findings say what to look at.
"""

from vectorflow_topology.importer.layout import auto_layout
from vectorflow_topology.importer.run import Imported, Named, import_files, import_text, reimport

__all__ = ["Imported", "Named", "auto_layout", "import_files", "import_text", "reimport"]
