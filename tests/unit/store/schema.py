# SPDX-License-Identifier: Apache-2.0
"""The schema is JSON, names the keys of the example, and (where jsonschema is installed) accepts it."""
import json
import re
import sys

schema = json.load(open(sys.argv[1]))
text = open(sys.argv[2]).read()
text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda m: m.group(1) or "", text, flags=re.S)
example = json.loads(text)


def same_keys(schema, value, path):
    missing = set(schema["properties"]) ^ set(value)
    assert not missing, f"{path}: {missing} is in one of schema and example only"
    for key, inner in value.items():
        if isinstance(inner, dict):
            same_keys(schema["properties"][key], inner, f"{path}.{key}")


same_keys(schema, example, "")
try:
    import jsonschema
except ImportError:
    sys.exit(0)
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.validate(example, schema)
