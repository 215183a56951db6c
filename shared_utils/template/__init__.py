"""Making a city's repository from the template and keeping its copied parts honest. Standard library only:
hooks run where only cookiecutter is installed."""
