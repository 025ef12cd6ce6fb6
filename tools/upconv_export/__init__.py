"""The parts of export_hdf5.py. To use the exporter elsewhere, copy it together with this folder."""


class ExportError(Exception):
    """The model cannot be exported as asked; the message says which entries and why."""
