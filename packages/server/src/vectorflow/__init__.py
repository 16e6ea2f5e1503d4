"""The VectorFlow control plane. Its modules stand on floors and import only downwards; see ARCHITECTURE.md."""
