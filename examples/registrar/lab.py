"""A lab: hands a file of potencies over to the registrar, waits for it, and says what became of each row.

    python lab.py

The environment says where, as for every client. The names are those of the sandbox.
"""

import sys

from kalbio import KaleidoscopeClient, WaitTimeoutError

TABLE = b"Compound,Potency\nSBX-1,12.1\nSBX-2,-5\nSBX-77,3\n"


def main() -> None:
    """Hand over one file."""
    with KaleidoscopeClient() as client:
        run = client.activities.create_activity(
            "Potency, week 12", "experiment", activity_definition_id="Assay results registration"
        )
        run.add_records([{"Compound": "SBX-1"}, {"Compound": "SBX-2"}])
        upload = next(item for item in run.properties if item.field_type == "file")
        file = upload.update_property_file("week12.csv", TABLE, "text/csv")
        client.registration.register_file(run, file["file_id"])
        print("week12.csv is handed over; the registrar has a minute to answer")
        try:
            final = client.registration.wait(run, file_id=file["file_id"], interval=0.5, timeout=60)
        except WaitTimeoutError:
            sys.exit("no answer: does the registrar run, at the address that the sandbox got as --webhook?")
        print(f"{final.status}: {final.message}")
        for problem in final.record_errors:
            record = client.records.get_record_by_id(problem.source_record_id)
            print(f"{record}: {problem.error_message}")


if __name__ == "__main__":
    main()
