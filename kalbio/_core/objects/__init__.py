"""Objects of a server and lists of them: views over JSON, identifiers, checks of arguments."""
