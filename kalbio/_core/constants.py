"""All default numbers of the client. Times are seconds, sizes are bytes."""

from __future__ import annotations

# Phases of one request. Reading is generous: exports and large listings take a while to begin.
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 120.0
WRITE_TIMEOUT = 120.0
POOL_TIMEOUT = 60.0

MAX_CONNECTIONS = 20
MAX_IN_FLIGHT = 8
KEEPALIVE_EXPIRY = 30.0
URL_CACHE_SIZE = 512
# No connection is kept to a host that sent what nobody asked for, until it has not done so for this long.
DISTRUST = 60.0
# Over HTTP/2: on so many connections in a row a request may be left behind by a server that ends them.
GOODBYES = 5

# Retries: attempts in total, first back-off, longest single wait, and how long after the first try another may begin.
RETRY_ATTEMPTS = 4
RETRY_BASE = 0.5
RETRY_MAX_WAIT = 30.0
RETRY_DEADLINE = 120.0

# A token is renewed this long before it ends, but never earlier than after four fifths of its life.
TOKEN_MARGIN = 600.0
TOKEN_MARGIN_SHARE = 0.2
# Google identity tokens live for an hour.
IAP_TOKEN_LIFETIME = 3000.0

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

# Servers commonly refuse request lines of more than 8 kB; the method, the version and a path prefix need some of it.
MAX_TARGET = 7_990
# What cannot be cut is sent up to this length: common servers that take more than 8 kB take 16 kB with all headers.
LONGEST_TARGET = 15_000

# What an answer may be in memory, unpacked; that of a login; and what is read of one that is a refusal.
MAX_ANSWER_SIZE = 268_435_456
MAX_LOGIN = 1_048_576
MAX_REFUSAL = 1_048_576

# What an error keeps of a body.
MAX_ERROR_BODY = 4_096
# What is shown of a request for debugging; a longer one is named with its length.
MAX_SHOWN_BODY = 4_096

LISTING_TTL = 300.0

# What is read of a file at once, and unpacked of a body at most.
UPLOAD_CHUNK = 131_072

# A bulk call that is interrupted gives what is under way so long to end; whoever waits looks so often whether it is.
STOP_PATIENCE = 1.0
STOP_LOOK = 0.05
# A stream that is closed early gives answers that are on their way so long to come, before their connections are cut.
STREAM_GRACE = 0.3

# Rows of a bulk write that are prepared, and noted in a journal, at a time.
BULK_CHUNK = 200
# A server gets this long to finish what it was sent by a load that was killed, before it is looked for.
JOURNAL_REST = 2.0

DOWNLOAD_CHUNK = 65_536
# Parts of killed downloads are removed when nobody has written to them for so long.
PART_LIFETIME = 86_400.0
MAX_FILE_NAME = 150

DOCTOR_REQUESTS = 250
"""Requests that an examination of a server makes at most."""
