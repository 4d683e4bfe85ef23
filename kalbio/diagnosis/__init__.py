"""Finds where the platform and its description in openapi.yaml differ, and reports it in shapes, without data.

`client.doctor()` and `kalbio doctor` run it. Nothing in here sends anything.
"""

from kalbio._core.diagnosis.report import Finding, HeaderCheck, OperationReport, Report, SetupCheck, Verdict

__all__ = ["Finding", "HeaderCheck", "OperationReport", "Report", "SetupCheck", "Verdict"]
