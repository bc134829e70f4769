"""Files, sockets, databases, other programs."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_FIX = "move it into an activity: a function with @activity, called from here"
_FILE_CALLS = (
    "open read write close listdir scandir walk stat lstat access remove unlink rename replace renames mkdir makedirs "
    "rmdir removedirs chmod chown link symlink readlink truncate utime pipe popen system startfile "
    "execl execle execlp execv execve execvp spawnl spawnv fork forkpty kill killpg"
).split()
_PATH_TESTS = "exists lexists isfile isdir islink ismount getsize getmtime getatime getctime realpath samefile".split()
_PATH_METHODS = (
    "read_text read_bytes write_text write_bytes open exists is_file is_dir is_symlink iterdir glob rglob walk mkdir "
    "rmdir unlink touch stat lstat rename replace chmod symlink_to hardlink_to readlink resolve samefile owner group"
).split()
_MODULES = (
    "socket ssl http.client urllib.request urllib3 requests httpx aiohttp websockets grpc smtplib ftplib imaplib "
    "poplib telnetlib socketserver http.server xmlrpc subprocess shutil tempfile fileinput sqlite3 dbm shelve mmap "
    "fcntl psycopg psycopg2 asyncpg pymysql MySQLdb aiomysql pymongo motor redis boto3 botocore aioboto3 "
    "elasticsearch confluent_kafka kafka aiokafka pika aio_pika nats paramiko asyncssh aiofiles "
    "sqlalchemy.create_engine sqlalchemy.ext.asyncio.create_async_engine google.cloud azure stripe twilio "
    "openai anthropic docker sqlite3.Connection io.TextIOWrapper anyio.Path"
).split()
_ANYIO = (
    "open_file run_process open_process connect_tcp connect_unix create_tcp_listener create_udp_socket getaddrinfo"
).split()
_NAMES = Names(
    {
        "builtins.open": _FIX,
        "io.open": _FIX,
        "codecs.open": _FIX,
        "io.FileIO": _FIX,
        "glob.glob": _FIX,
        "glob.iglob": _FIX,
        "sys.stdin": _FIX,
        **{f"os.{name}": _FIX for name in _FILE_CALLS},
        **{f"os.path.{name}": _FIX for name in _PATH_TESTS},
        **{f"pathlib.Path.{name}": _FIX for name in _PATH_METHODS},
        **{f"anyio.{name}": _FIX for name in _ANYIO},
    },
    dict.fromkeys(_MODULES, _FIX),
    frozenset({"socket.gethostname", "socket.getfqdn", "shutil.get_terminal_size", "tempfile.gettempdir"})
    | frozenset(
        f"{module}.{name}"
        for module in ("requests", "httpx", "aiohttp", "redis", "psycopg", "sqlite3", "openai", "anthropic", "stripe")
        for name in ("Timeout", "Limits", "URL", "Headers", "QueryParams", "ClientTimeout", "codes", "sql", "Binary")
    ),
)


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} reads or writes outside of the run, again on each replay")


RULE = Rule("SGL103", "Input and output", Severity.ERROR, _check, in_variables=True)
