"""Functions of this city, imported by its notebooks. Updates of the template never touch this folder."""
