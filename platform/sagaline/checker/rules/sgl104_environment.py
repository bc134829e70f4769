"""The machine and the process: another on replay."""

from __future__ import annotations

from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule

_FIX = "give it to the run as an argument, or read it in an activity, whose result is recorded"
_NAMES = Names(
    {
        name: _FIX
        for name in (
            "os.environ os.environb os.getenv os.getenvb os.getpid os.getppid os.getcwd os.cpu_count os.uname "
            "os.getlogin os.getuid os.getgid os.getloadavg os.times os.get_terminal_size os.process_cpu_count "
            "os.path.abspath os.path.expanduser os.path.expandvars sys.argv sys.flags sys.executable "
            "socket.gethostname socket.getfqdn uuid.getnode getpass.getuser locale.getlocale "
            "locale.getdefaultlocale tempfile.gettempdir time.tzname time.timezone "
            "pathlib.Path.cwd pathlib.Path.home pathlib.Path.expanduser pathlib.Path.absolute "
            "multiprocessing.cpu_count multiprocessing.current_process threading.current_thread "
            "threading.get_ident threading.active_count shutil.get_terminal_size"
        ).split()
    },
    dict.fromkeys(("platform", "psutil", "resource", "pwd", "grp", "dotenv", "decouple", "environ"), _FIX),
)


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} is of this machine or process, and another on replay")


RULE = Rule("SGL104", "Environment", Severity.ERROR, _check, in_variables=True)
