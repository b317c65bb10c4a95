"""The thin package behind the VPipe notebooks: every notebook imports from here, nothing here imports a notebook."""

__version__ = "0.1.0"
