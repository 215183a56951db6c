"""Complete the new city: shared code, settings, mappings. Runs in the city's folder."""

import json
import sys
from pathlib import Path

# First on the path, so no other package named shared_utils can answer in the template's place.
sys.path.insert(0, {{ template_root() | tojson }})
from shared_utils.template import scaffold

scaffold.complete(Path({{ template_root() | tojson }}), Path.cwd(), json.loads(r'''{{ cookiecutter | tojson }}'''))
