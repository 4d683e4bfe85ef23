"""Mistakes of a user, one on each marked line, which a type checker must report."""

from kalbio import F, KaleidoscopeClient, NoSuchName  # error
from kalbio.records import Record, SearchRecordsQuery

query: SearchRecordsQuery = {"serch_text": "x"}  # error


def mistakes(client: KaleidoscopeClient, record: Record) -> None:
    """Each marked line is one mistake."""
    client.programs.get_programs(False)  # by keyword only  # error
    client.programs.get_programs(use_cash=False)  # error
    client.activities.get_activities(use_cache="no")  # error
    client.activities.create_activity("t", "experimnt")  # error
    client.records.search_records(limit="3")  # error
    client.records.search_records(serch_text="x")  # error
    client.records.search_records(where=F("logP") < "5")  # error
    client.records.search_records(where=F("logP").is_lower(5))  # error
    client.records.search_records(where="logP")  # error
    client.files.download_file("id", "name", None, None, True)  # by keyword only  # error
    client.program.get_programs()  # error
    record.add_value("field")  # error
    number: int = record.record_identifier  # error
    for program in client.programs.get_programs():
        program.title.upper()  # it may be None  # error
