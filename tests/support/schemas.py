"""The schemas of docs/schemas, as a promise to programs: what a document may hold, and that it holds all of it."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load(name: str) -> dict[str, Any]:
    """Return a schema by its name."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def require(name: str, document: object) -> None:
    """Check a document against a schema, and that it has no field of which the schema does not tell.

    Readers must bear fields that are new to them, so the schemas themselves allow any.
    """
    Draft202012Validator(_closed(load(name))).validate(document)


def objects(schema: object) -> list[dict[str, Any]]:
    """Return every part of a schema that names fields."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    inner = [found for value in schema.values() for found in objects(value)]
    return [schema, *inner] if isinstance(schema.get("properties"), dict) else inner


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    for part in objects(schema):
        part["additionalProperties"] = False
    return schema
