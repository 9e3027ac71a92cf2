"""Validates the texts that RandomSchemaTests.WriteRandomTexts wrote: one {"schema": ..., "text": ...} a line, both as text.

    python3 validate.py FILE        needs python3-jsonschema; prints what is not valid, exits 1 if anything is not
"""

import datetime
import json
import re
import sys

from jsonschema import Draft202012Validator

# the checks of 2020-12; those of "time" and "date-time" need a package that may be absent, so they stand here (RFC 3339)
checker = Draft202012Validator.FORMAT_CHECKER
FULL_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"


@checker.checks("time")
def is_time(value):
    return not isinstance(value, str) or re.fullmatch(FULL_TIME, value, re.ASCII) is not None


@checker.checks("date-time", raises=ValueError)
def is_date_time(value):
    if not isinstance(value, str):
        return True
    datetime.date.fromisoformat(value[:10])
    return re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]" + FULL_TIME, value, re.ASCII) is not None


def main(path):
    texts = failures = 0
    schemas = set()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            sample = json.loads(line)
            schema = json.loads(sample["schema"])
            texts += 1
            if sample["schema"] not in schemas:
                schemas.add(sample["schema"])
                Draft202012Validator.check_schema(schema)
            try:
                instance = json.loads(sample["text"])
                errors = [error.message for error in Draft202012Validator(schema, format_checker=checker).iter_errors(instance)]
            except json.JSONDecodeError as error:
                errors = [f"not JSON: {error}"]
            if errors:
                failures += 1
                print(f"line {number}: {errors[0]}\n  {sample['schema']}\n  {sample['text']}")
    print(f"{texts} texts of {len(schemas)} schemas, {failures} not valid")
    return 1 if failures or not texts else 0


sys.exit(main(sys.argv[1]))
