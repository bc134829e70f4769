"""Each rule: what it finds, and what looks alike and is none of its business."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagaline.checker import Report

Check = Callable[..., Report]
HEAD = """
import asyncio, collections, concurrent.futures, contextlib, datetime, functools, itertools, json, logging, os, platform
import queue, random, secrets, socket, sqlite3, subprocess, sys, threading, time, uuid
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
import httpx, requests
from sagaline import activity, saga, workflow

@activity
async def step(what="x"): ...

@step.compensation
async def undo(what="x"): ...

@activity
def threaded(): ...

async def helper(): ...

CONTAINER: dict[str, int] = {}
RNG = random.Random(7)
LOCK = asyncio.Lock()
NUMBERS = itertools.count()
HTTP = httpx.Client()
HOME = os.environ["HOME"]
LIMIT = 3
mended = False
seen: list[str] = []
log = logging.getLogger(__name__)

class Counter:
    total = 0
    def add(self):
        self.count += 1
    def read(self):
        return self.count

COUNTER = Counter()

def mend():
    global mended
    mended = True

@activity
async def note(what):
    seen.append(what)
"""

FINDS: dict[str, list[str]] = {
    "SGL101": [
        "time.monotonic()",
        "datetime.date.today()",
        "sorted([], key=time.time)",
        "time.localtime()",
        "workflow.side_effect(len, name=str(time.time()))",
        "def look(): return time.time()\n    return look() + workflow.side_effect(look)",
    ],
    "SGL102": [
        "random.random()",
        "random.Random()",
        "uuid.uuid4()",
        "secrets.token_hex()",
        "os.urandom(8)",
        "RNG.random()",
        "from random import choice; choice([1])",
        "random.SystemRandom().random()",
    ],
    "SGL103": [
        "open('x')",
        "Path('x').read_text()",
        "(Path('x') / 'y').exists()",
        "Path('x').parent.joinpath('z').write_text('')",
        "requests.get('x')",
        "HTTP.get('x')",
        "subprocess.run(['ls'])",
        "socket.create_connection(('x', 1))",
        "sqlite3.connect('x').execute('')",
        "os.path.exists('x')",
        "os.system('ls')",
        "import urllib.request\n    urllib.request.urlopen('x')",
        "async with httpx.AsyncClient() as client:\n        await client.get('x')",
    ],
    "SGL104": [
        "os.environ['X']",
        "os.environ.get('X')",
        "os.getenv('X')",
        "platform.node()",
        "socket.gethostname()",
        "os.getpid()",
        "sys.argv[1]",
        "HOME.upper()",
        "Path.home()",
    ],
    "SGL105": [
        "CONTAINER['x'] = 1",
        "CONTAINER['x'] += 1",
        "del CONTAINER['x']",
        "CONTAINER.update(x=1)",
        "CONTAINER.setdefault('x', 1)",
        "seen.append('x')",
        "COUNTER.add()",
        "COUNTER.count = 3",
        "Counter.total += 1",
        "next(NUMBERS)",
        "async with LOCK: pass",
        "global LIMIT; LIMIT = 4",
        "if mended: await step()",
        "return len(seen)",
    ],
    "SGL106": [
        "for item in {'a', 'b'}: await step(item)",
        "for item in set(names): await step(item)",
        "for item in wanted: await step(item)",
        "for item in frozen | {'a'}: await step(item)",
        "for item in abstract: await step(item)",
        "for item in set(names).difference(wanted): await step(item)",
        "for item in {name for name in names}: await step(item)",
        "return list(wanted)",
        "return [item for item in wanted]",
        "await asyncio.gather(*[step(item) for item in wanted])",
        "await asyncio.gather(*map(step, wanted))",
        "await step(wanted.pop())",
        "return ','.join(wanted)",
        "first, second = wanted",
        "await asyncio.gather(*wanted)",
        "return next(iter(wanted))",
        "items = set()\n    items.add('x')\n    for item in items: await step(item)",
        "for item in CONTAINER.keys() - wanted: await step(item)",
    ],
    "SGL107": ["return hash('x')", "return id(names)", "return sorted(names, key=hash)"],
    "SGL108": ["print('x')", "log.info('x')", "logging.warning('x')", "sys.stdout.write('x')"],
    "SGL201": [
        "threading.Thread(target=helper)",
        "await asyncio.to_thread(step)",
        "asyncio.get_running_loop().run_in_executor(None, step)",
        "loop = asyncio.get_running_loop()\n    loop.run_in_executor(None, step)",
        "concurrent.futures.ThreadPoolExecutor()",
        "import multiprocessing as m; m.Process()",
        "from threading import Lock; Lock()",
    ],
    "SGL202": ["time.sleep(1)", "from time import sleep as wait; wait(1)"],
    "SGL203": [
        "input()",
        "while True: names.append('x')",
        "while True:\n        for name in names:\n            break",
        "breakpoint()",
        "pool.submit(step).result()",
        "queue.Queue().get()",
    ],
    "SGL204": [
        "await asyncio.create_subprocess_exec('ls')",
        "await asyncio.open_connection('x', 1)",
        "asyncio.run(helper())",
        "asyncio.get_running_loop().run_until_complete(helper())",
        "loop = asyncio.get_event_loop()\n    loop.add_signal_handler(1, step)",
    ],
    "SGL301": [
        "step()",
        "threaded()",
        "step.options(timeout='1s')()",
        "helper()",
        "asyncio.sleep(1)",
        "workflow.sleep('1s')",
        "result = step()",
        "if step(): pass",
        "assert not step()",
        "return f'{step()}'",
        "return step() == 1",
        "undo()",
        "asyncio.Event().wait()",
        "import sagaline; sagaline.Signal[str]('x').receive()",
    ],
    "SGL302": [
        "try: await step()\n    except BaseException: pass",
        "try: await step()\n    except: pass",
        "try: await step()\n    except asyncio.CancelledError: return",
        "try: await step()\n    except (ValueError, asyncio.CancelledError): return",
        "with contextlib.suppress(asyncio.CancelledError): await step()",
    ],
    "SGL303": ["while True:\n        await step()"],
}
CLEAN = [
    "workflow.now()",
    "workflow.random().choice([1])",
    "workflow.uuid4()",
    "workflow.side_effect(lambda: time.time() + random.random())",
    "workflow.side_effect(secrets.token_hex)",
    "def look(): return os.environ['X'] + open('x').read()\n    return workflow.side_effect(look, name='look')",
    "random.Random(7).random()",
    "datetime.datetime(2026, 1, 1)",
    "datetime.timedelta(days=1)",
    "time.strftime('%Y', (2026,) * 9)",
    "asyncio.get_running_loop().time()",
    "Path('x') / 'y'",
    "Path('x').name",
    "os.path.join('a', 'b')",
    "isinstance(names, (threading.Thread, requests.Response))",
    "try: await step()\n    except requests.RequestException: pass",
    "x: subprocess.Popen | None = None",
    "CONTAINER.get('x')",
    "own = {}\n    own['x'] = 1\n    own.update(x=1)",
    "CONTAINER = {}\n    CONTAINER['x'] = 1",
    "Counter().add()",
    "COUNTER.read()",
    "return LIMIT",
    "return 'x' in wanted",
    "for item in sorted(wanted): await step(item)",
    "return len(wanted)",
    "return sum(len(item) for item in wanted)",
    "return any(item for item in wanted)",
    "return sorted(item for item in wanted)",
    "return {item for item in wanted}",
    "for number in {1, 2, 3}: await step(number)",
    "for number in numbers: await step(number)",
    "wanted = sorted(wanted)\n    for item in wanted: await step(item)",
    "done, pending = await asyncio.wait([asyncio.create_task(step())])\n    for task in done: await task",
    "tasks = {asyncio.create_task(step()), asyncio.create_task(step())}\n    for task in tasks: await task",
    "tasks = set()\n    tasks.add(asyncio.create_task(step()))\n    for task in tasks: await task",
    "for item in dict.fromkeys(names): await step(item)",
    "return hash(1) + hash(len(names))",
    "def id(x): return x\n    return id(names)",
    "workflow.logger.info('x')",
    "while True:\n        if names: break\n        names.append('x')",
    "while True:\n        if await step(): return",
    "await asyncio.sleep(1)",
    "import trio, anyio\n    await anyio.sleep(1)\n    await trio.sleep(1)",
    "await step()",
    "return step()",
    "await asyncio.gather(step(), helper())",
    "task = asyncio.create_task(step())",
    "coroutine = step()\n    await coroutine",
    "async with asyncio.TaskGroup() as group: group.create_task(step())",
    "asyncio.Event().set()",
    "try: await step()\n    except Exception: pass",
    "try: await step()\n    except BaseException: raise",
    "try: names.pop()\n    except BaseException: pass",
    "task = asyncio.create_task(step())\n    task.cancel()\n    try: await task\n    except asyncio.CancelledError: pass",
    "task = asyncio.create_task(step())\n    task.cancel()\n    with contextlib.suppress(asyncio.CancelledError): await task",
    "try: await step()\n    except ValueError: pass\n    except asyncio.CancelledError: await undo(); raise",
    "async with asyncio.Lock(): pass",
]


def report_on(check_code: Check, body: str) -> list[str]:
    parameters = "names: list[str], wanted: set[str], frozen: frozenset, abstract: Set[str], numbers: set[int]"
    pool = "pool: concurrent.futures.ThreadPoolExecutor"
    code = f"{HEAD}\n@workflow\nasync def order({parameters}, {pool}):\n    {body}\n"
    return [finding.code for finding in check_code(main=code).findings]


@pytest.mark.parametrize(("code", "body"), [(code, body) for code, bodies in FINDS.items() for body in bodies])
def test_it_is_found(check_code: Check, code: str, body: str) -> None:
    codes = report_on(check_code, body)
    assert code in codes
    assert set(codes) <= {code, "SGL103", "SGL201"}, "nothing else is said of it"


@pytest.mark.parametrize("body", CLEAN)
def test_what_is_right_is_left_alone(check_code: Check, body: str) -> None:
    assert report_on(check_code, body) == []
