"""Refuse answers that cannot make a city, also where cookiecutter.json's own check is not rendered (--replay)."""

import json
import sys

# First on the path, so no other package named shared_utils can answer in the template's place.
sys.path.insert(0, {{ template_root() | tojson }})
from shared_utils.template import inputs

sys.exit(inputs.refusal(json.loads(r'''{{ cookiecutter | tojson }}''')) or None)
