"""Every object of these files against the schema of its kind; a field that no schema knows is refused. Kubernetes' own schemas come
with kubernetes-validate, KEDA's stands in deploy/k8s/schemas. An object of a kind that neither knows is refused as well."""

import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

version, *files = sys.argv[1:]
extensions = {}
for path in pathlib.Path("deploy/k8s/schemas").glob("*.json"):
    schema = json.loads(path.read_text())
    extensions[schema["properties"]["kind"]["const"]] = jsonschema.Draft7Validator(schema)

bad = 0
for file in files:
    for thing in yaml.safe_load_all(pathlib.Path(file).read_text()):
        name = f"{pathlib.Path(file).stem}: {thing['kind']} {thing['metadata']['name']}"
        if thing["kind"] in extensions:
            problems = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in extensions[thing["kind"]].iter_errors(thing)]
        else:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
                problems = []
            except Exception as error:  # Several kinds, one of them for a kind that it has no schema of.
                where = ".".join(map(str, getattr(error, "path", []) or []))
                problems = [f"{where}: {getattr(error, 'message', None) or error}"]
        for problem in problems:
            print(f"  refused: {name}: {problem}", file=sys.stderr)
        bad += len(problems)
print(f"  {bad} problems")
sys.exit(1 if bad else 0)
