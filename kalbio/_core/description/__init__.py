"""An OpenAPI description that is read at run time: its operations, what it says of answers, and what answers hold."""
