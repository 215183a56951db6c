"""What a notebook calls: one function a section, a city's book in, a Section out."""
