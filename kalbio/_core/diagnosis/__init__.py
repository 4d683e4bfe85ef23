"""Finds where a platform and its description differ, and reports it in shapes, without data.

What is asked, and what has to be known about a platform for that, is a `Subject`. Nothing in here sends anything.
"""
